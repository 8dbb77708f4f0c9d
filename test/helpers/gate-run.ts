import type { GateEvidence } from '../../src/gates/gate-evidence.ts';
import type { GateKeeper, GateResult } from '../../src/gates/gate-requests.ts';
import type { GateWorld } from './gate-world.ts';

/** Replaces a node and runs its gate to the end. */
export async function upgrade(
  world: GateWorld,
  keeper: GateKeeper,
  name: string,
  version: string,
  spoil: () => void = () => undefined,
): Promise<GateResult> {
  const { result } = await beginUpgrade(world, keeper, name, version, spoil);
  return world.until(result);
}

/** Replaces a node and begins its gate; the test lets the time pass. */
export async function beginUpgrade(
  world: GateWorld,
  keeper: GateKeeper,
  name: string,
  version: string,
  spoil: () => void = () => undefined,
): Promise<{ result: Promise<GateResult> }> {
  keeper.beginChange([name]);
  const actionAtMs = world.clock.wallMs();
  const node = await world.replace(name, version);
  spoil();
  const highest = Math.max(...world.topology.nodes.flatMap((other) => world.lab.world.heightOf(other.name) ?? []));
  const baseline = { atMs: actionAtMs, highest, nodes: {} };
  return { result: keeper.gate({ gateId: `gate-${name}`, nodes: [node], actionAtMs, baseline }) };
}

/** The evidence as it comes back from a file. */
export function roundTrip(evidence: GateEvidence): GateEvidence {
  return JSON.parse(JSON.stringify(evidence)) as GateEvidence;
}
