import { LabError } from '../../../core/errors.ts';
import type { TopologyNode } from '../../../topology/topology.ts';
import type { CutRule, FaultAction, FaultLease, ShapeRule } from '../../faults.ts';
import type { AgentRights } from './agent-container.ts';
import { tableName } from './agent/nft-ruleset.ts';
import type { CutMatch, FaultTask, ShapeMatch } from './agent/task.ts';
import type { NetworkEnds } from './network-ends.ts';

/** The kernel rejects less, and a shell needs more. */
const LEAST_MEMORY_BYTES = 6 * 1024 * 1024;

export interface CompileContext {
  /** Id of the container that is acted on. */
  container: string;
  nodes: readonly TopologyNode[];
  ends: NetworkEnds;
  /** `uid:gid` of the container's processes. */
  user: string;
  /** Path of the engine's socket on its host. */
  engineSocket: string;
}

/** What an agent does for a lease, and what it may do for that. Throws a LabError for values that cannot be. */
export function compileTask(lease: FaultLease, context: CompileContext): { task: FaultTask; rights: AgentRights } {
  const { action, node } = lease;
  const { container, engineSocket } = context;
  const network = { network: container, isNetworkAdmin: true };
  switch (action.kind) {
    case 'cut': {
      if (action.rules.length === 0) throw invalid(lease, 'it has no rule');
      const matches = action.rules.map((rule) => cutMatch(rule, node, context));
      return { task: { kind: 'cut', table: tableName(lease.id), matches }, rights: network };
    }
    case 'dns':
      return { task: { kind: 'dns', table: tableName(lease.id) }, rights: network };
    case 'shape': {
      if (action.rules.length === 0) throw invalid(lease, 'it has no rule');
      const matches = action.rules.map((rule) => shapeMatch(lease, rule, context));
      return { task: { kind: 'shape', matches, others: context.ends.all }, rights: network };
    }
    case 'pause':
    case 'monitoring-gone':
      return { task: { kind: action.kind, container }, rights: { engineSocket } };
    case 'down': {
      const signal = action.signal === 'SIGTERM' ? node.stop.signal : 'SIGKILL';
      const hasDataStep = action.data !== 'keep';
      const task = { kind: 'down', container, signal, graceMs: node.stop.graceMs, hasDataStep } as const;
      return { task, rights: { engineSocket } };
    }
    case 'config':
      if (!action.path.startsWith('/')) throw invalid(lease, `${action.path} is no absolute path`);
      return {
        task: { kind: 'config', container, path: action.path, graceMs: node.stop.graceMs },
        rights: { engineSocket },
      };
    case 'cpu':
      if (!(action.share > 0 && action.share <= 1))
        throw invalid(lease, `a share of ${action.share} is not within 0 to 1`);
      return { task: { kind: 'cpu', container, share: action.share }, rights: { hasCgroups: true } };
    case 'memory': {
      const { limitBytes } = action;
      if (!Number.isSafeInteger(limitBytes) || limitBytes < LEAST_MEMORY_BYTES) {
        throw invalid(
          lease,
          `${limitBytes} bytes are no limit that a container can have; the least is ${LEAST_MEMORY_BYTES}`,
        );
      }
      return { task: { kind: 'memory', container, limitBytes }, rights: { hasCgroups: true } };
    }
    case 'disk-full':
      // As the node's own user it needs no right at all.
      return { task: { kind: 'disk-full', container }, rights: { hasHostProcesses: true, user: context.user } };
    case 'clock':
      throw invalid(lease, 'the clock of a container is the machine’s');
  }
}

/** Whether what is done lies in something that a container gets anew with every start. */
export function diesWithInstance({ kind }: FaultAction): boolean {
  return ['cut', 'dns', 'shape', 'disk-full', 'cpu', 'memory'].includes(kind);
}

function cutMatch(rule: CutRule, node: TopologyNode, { ends, nodes }: CompileContext): CutMatch {
  const { direction, peer, verdict, ports } = rule;
  const match = { label: `${direction} ${peer}`, direction, verdict, peer: peerMatch(rule.peer, node, ends) };
  if (ports === undefined) return match;
  const far = nodes.find(({ name }) => name === peer);
  const portsOf = (end: TopologyNode | undefined): number[] =>
    (end?.ports ?? []).filter(({ name }) => ports.includes(name)).map(({ containerPort }) => containerPort);
  for (const port of ports) {
    if (![node, far].some((end) => end?.ports.some(({ name }) => name === port))) {
      const known = node.ports.map(({ name }) => name).join(', ') || 'none';
      throw new LabError(`neither ${node.name} nor ${peer} has a port "${port}"; ${node.name} has ${known}`);
    }
  }
  return { ...match, label: `${match.label} ${ports.join('+')}`, ports: { near: portsOf(node), far: portsOf(far) } };
}

function shapeMatch(lease: FaultLease, rule: ShapeRule, { ends }: CompileContext): ShapeMatch {
  const { peer, delayMs = 0, jitterMs = 0, lossShare = 0, bitsPerSecond } = rule;
  for (const [name, value] of Object.entries({ delayMs, jitterMs, lossShare, bitsPerSecond: bitsPerSecond ?? 1 })) {
    if (!Number.isFinite(value) || value < 0) throw invalid(lease, `its ${name} is ${value}`);
  }
  if (lossShare > 1) throw invalid(lease, `its lossShare is ${lossShare}; it is a share, 0 to 1`);
  return { label: `to ${peer}`, peer: peerMatch(peer, lease.node, ends), delayMs, jitterMs, lossShare, bitsPerSecond };
}

function peerMatch(peer: string, node: TopologyNode, ends: NetworkEnds): CutMatch['peer'] {
  if (peer === node.name) throw new LabError(`${node.name} cannot be cut off from itself`);
  return ends.match(peer);
}

function invalid({ id, node, action }: FaultLease, why: string): LabError {
  return new LabError(`fault ${id} (${action.kind}) cannot be done to ${node.name}: ${why}`, {
    details: { fault: id, node: node.name, kind: action.kind },
  });
}
