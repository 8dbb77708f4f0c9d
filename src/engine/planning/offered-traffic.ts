import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';

/** `true`, or a sentence that says why runs of this testnet offer no traffic, and what the testnet file would have to say. */
export function offeredTraffic({ title, submit }: SystemProfile, { loadPerSecond }: Topology): true | string {
  if (!submit) return `${title} takes no transactions`;
  if (loadPerSecond > 0) return true;
  return 'the testnet file says load: { perSecond: 0 }; give it a rate, as in load: { perSecond: 10 }';
}
