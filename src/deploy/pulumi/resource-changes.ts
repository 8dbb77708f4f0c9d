import type { automation } from '@pulumi/pulumi';
import type { NodeChange } from '../../engine/deployer.ts';
import { nodeLabel } from '../../topology/labels.ts';

type StepEventMetadata = NonNullable<automation.EngineEvent['resourcePreEvent']>['metadata'];

/** A change to one resource, as a preview shows it. */
export interface ResourceChange {
  urn: string;
  type: string;
  /** Name of the resource in the program. */
  name: string;
  action: 'create' | 'replace' | 'update' | 'delete';
  /** Node that the resource belongs to, if it belongs to one. */
  node: string | undefined;
  /** Top-level properties that differ, where the engine tells. */
  properties: string[];
}

const containerType = 'docker:index/container:Container';

/** Collects the changes of a preview, one for each resource. */
export function changesFrom(events: readonly automation.EngineEvent[]): ResourceChange[] {
  const changes = new Map<string, ResourceChange>();
  for (const { resourcePreEvent } of events) {
    if (!resourcePreEvent) continue;
    const { metadata } = resourcePreEvent;
    const action = actionOf(metadata.op);
    if (action === undefined) continue;
    const known = changes.get(metadata.urn);
    // A replacement is told in up to three steps.
    if (known?.action === 'replace') continue;
    changes.set(metadata.urn, {
      urn: metadata.urn,
      type: metadata.type,
      name: resourceName(metadata.urn),
      action,
      node: nodeOf(metadata),
      properties: metadata.diffs ?? [],
    });
  }
  return [...changes.values()];
}

/** The changes that are a node's: those of its container. */
export function nodeChangesIn(changes: readonly ResourceChange[]): NodeChange[] {
  return changes.flatMap(({ node, type, action }): NodeChange[] => {
    if (node === undefined || type !== containerType) return [];
    if (action === 'create' || action === 'replace') return [{ node, kind: action }];
    return action === 'delete' ? [{ node, kind: 'remove' }] : [];
  });
}

/**
 * Changes that no change of a node explains: of monitoring, of the network, of a volume that should have stayed, and in-place
 * changes. What is missing beside the nodes may be made, and a node's volumes come and go with it.
 */
export function unexplained(changes: readonly ResourceChange[]): ResourceChange[] {
  const nodes = new Map(nodeChangesIn(changes).map(({ node, kind }) => [node, kind]));
  return changes.filter(({ type, node, action }) => {
    if (type === 'pulumi:pulumi:Stack' || type.startsWith('seatrial:')) return false;
    // Another address of the same engine, or another release of the provider: nothing that runs is touched.
    if (type.startsWith('pulumi:providers:') && action !== 'replace') return false;
    const kind = node === undefined ? undefined : nodes.get(node);
    if (type === containerType && kind !== undefined) return false;
    if (action === 'create') return node !== undefined && kind === undefined;
    return !(action === 'delete' && kind === 'remove');
  });
}

/** The last part of a URN. */
export function resourceName(urn: string): string {
  return urn.slice(urn.lastIndexOf('::') + 2);
}

/** URN of a node's container in the stack of a testnet. */
export function containerUrn(testnet: string, project: string, node: string): string {
  const type = ['seatrial:docker:Testnet', 'seatrial:docker:Node', containerType].join('$');
  return `urn:pulumi:${testnet}::${project}::${type}::${testnet}-${node}-container`;
}

function actionOf(op: string): ResourceChange['action'] | undefined {
  switch (op) {
    case 'create':
    case 'update':
    case 'delete':
      return op;
    case 'replace':
    case 'create-replacement':
    case 'delete-replaced':
      return 'replace';
    default:
      return undefined;
  }
}

function nodeOf({ new: next, old }: StepEventMetadata): string | undefined {
  const labels: unknown = (next ?? old)?.inputs['labels'];
  if (!Array.isArray(labels)) return undefined;
  const found = (labels as { label?: unknown; value?: unknown }[]).find(({ label }) => label === nodeLabel);
  return typeof found?.value === 'string' ? found.value : undefined;
}
