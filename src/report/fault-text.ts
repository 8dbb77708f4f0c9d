import type { ArmedLease, FaultRecord } from '../journal/fault-records.ts';
import type { RunEvent } from '../journal/records.ts';
import { formatDuration } from './format.ts';
import type { Tone } from './model.ts';

const reasons: Record<(FaultRecord & { type: 'fault.healing' })['because'], string> = {
  plan: 'as planned',
  end: 'because the run ends',
  void: 'because it is void',
  resume: 'which an earlier process of this run left behind',
  hurry: 'without a look at what comes of it',
};

/** What is to be said of an event in the life of a fault; undefined for all other events. */
export function faultText(event: RunEvent): { text: string; tone: Tone } | undefined {
  switch (event.type) {
    case 'fault.intent': {
      const impaired = event.impaired.length === 0 ? '' : `; kept from their work: ${event.impaired.join(', ')}`;
      return { text: `fault ${event.fault}: to be armed: ${leasesText(event.leases)}${impaired}`, tone: 'neutral' };
    }
    case 'fault.armed': {
      const ttlMs = Math.max(0, ...event.leases.map((lease) => lease.ttlMs));
      const text = `fault ${event.fault}: armed; the targets undo it by themselves ${formatDuration(ttlMs)} after nobody extends it`;
      return { text, tone: 'neutral' };
    }
    case 'fault.injected':
      return { text: `fault ${event.fault}: injected in ${formatDuration(event.injectMs)}`, tone: 'unknown' };
    case 'fault.verified':
      return {
        text: `fault ${event.fault}: its effect is shown, after ${formatDuration(event.verifiedMs)}`,
        tone: 'unknown',
      };
    case 'fault.lost':
      return { text: `fault ${event.fault}: lost on ${event.node} (${event.lease}): ${event.detail}`, tone: 'unknown' };
    case 'fault.void':
      return { text: `fault ${event.fault}: VOID: ${event.reason}`, tone: 'unknown' };
    case 'fault.healing':
      return {
        text: `fault ${event.fault}: to be healed, ${reasons[event.because] ?? event.because}`,
        tone: 'neutral',
      };
    case 'fault.healed': {
      const held = event.heldMs === undefined ? '' : `, after it was held for ${formatDuration(event.heldMs)}`;
      return { text: `fault ${event.fault}: healed in ${formatDuration(event.healMs)}${held}`, tone: 'neutral' };
    }
    case 'fault.heal-verified':
      return {
        text: `fault ${event.fault}: its end is shown, after ${formatDuration(event.healVerifiedMs)}`,
        tone: 'good',
      };
    default:
      return undefined;
  }
}

/** `cut on a, b; pause on c`. */
function leasesText(leases: readonly ArmedLease[]): string {
  const nodes = new Map<string, string[]>();
  for (const { kind, node } of leases) nodes.set(kind, [...(nodes.get(kind) ?? []), node]);
  return [...nodes].map(([kind, names]) => `${kind} on ${names.join(', ')}`).join('; ');
}
