import { RefusedError } from '../../core/errors.ts';
import type { NodeChange } from '../../engine/deployer.ts';
import { nodeChangesIn, type ResourceChange, unexplained } from './resource-changes.ts';

/** Refuses the stage unless a preview shows exactly the expected changes of nodes and nothing that they do not explain. */
export function requireExpected(changes: readonly ResourceChange[], expected: readonly NodeChange[]): void {
  const found = new Map(nodeChangesIn(changes).map(({ node, kind }) => [node, kind]));
  const planned = new Map(expected.map(({ node, kind }) => [node, kind]));
  const ofNodes = [...new Set([...planned.keys(), ...found.keys()])].flatMap((node) => {
    const is = found.get(node);
    const should = planned.get(node);
    if (is === should) return [];
    return [`${node}: ${should ? `planned ${should}` : 'no change planned'}, needs ${is ?? 'no change'}`];
  });
  const others = unexplained(changes).map(({ name, action, properties }) => {
    const what = properties.length > 0 ? ` (${properties.join(', ')})` : '';
    return `${name}: no change planned, needs ${action}${what}`;
  });
  const differences = [...ofNodes, ...others];
  if (differences.length === 0) return;
  throw new RefusedError(
    'drift',
    `the testnet is not as planned, nothing was touched (${differences.join('; ')}). Plan again.`,
    { details: { differences, expected, found: nodeChangesIn(changes) } },
  );
}
