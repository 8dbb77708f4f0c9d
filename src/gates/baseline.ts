import type { GateBaseline } from './gate-requests.ts';
import type { SlotReading } from './readings.ts';
import { highestOf } from './slot-facts.ts';

/** What a reading says of the network before the first action. */
export function baselineOf(reading: SlotReading | undefined): GateBaseline {
  const nodes: GateBaseline['nodes'] = {};
  for (const [name, { observation, status }] of Object.entries(reading?.nodes ?? {})) {
    const identity = observation.ok ? observation.value.identity : undefined;
    const { version, height } = status.ok ? status.value : {};
    nodes[name] = {
      ...(identity ? { instance: identity.instance, startedAtMs: identity.startedAtMs } : {}),
      ...(version === undefined ? {} : { version }),
      ...(height === undefined ? {} : { height }),
    };
  }
  const highest = reading && highestOf(reading);
  return { atMs: reading?.atMs ?? 0, ...(highest === undefined ? {} : { highest }), nodes };
}

/** The start of a node that a reading shows. */
export function instanceOf(reading: SlotReading, node: string): string | undefined {
  const observation = reading.nodes[node]?.observation;
  return observation?.ok ? observation.value.identity?.instance : undefined;
}
