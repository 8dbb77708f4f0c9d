import { abortedError, type Clock } from '../../core/clock.ts';
import { mapConcurrent } from '../../core/wait.ts';
import type { Lab } from '../../lab/lab.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';
import { createGateKeeper } from '../gate-keeper.ts';
import type { GateInput } from '../gate-judge.ts';
import { httpTransport } from '../http-transport.ts';
import { gateProfile, type GateProfile } from '../profiles.ts';
import type { HttpTransport } from '../probe-client.ts';
import { supportedChecks } from '../supported-checks.ts';
import type { CheckSummary, GateVerdict } from '../verdict.ts';
import { badWorlds, flapRule, whyWithoutHarm } from './bad-worlds.ts';
import { proofOf, type CheckProof, type GateProof, type ShownWorld } from './proof.ts';
import { sharedAnswers } from './shared-answers.ts';
import { showWorld } from './show-world.ts';

export interface ProveOptions {
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  clock: Clock;
  /** As in `http://127.0.0.1:9090`. Without it, checks with source `prometheus` are left out. */
  prometheusUrl?: string | undefined;
  /** Default: those of the topology's gate. */
  timings?: GateProfile | undefined;
  /** Default: HTTP. */
  transport?: HttpTransport | undefined;
  signal?: AbortSignal | undefined;
  /** Told before the first world with 0, and after each. */
  onProgress?: ((shown: number, of: number) => void) | undefined;
}

/** Slots of the testnet as it is that must all be OK before anything is altered. */
const unalteredSlots = 3;
/** So many nodes are read at the same time, spread over the worlds that are shown side by side. */
const nodesAtOnce = 32;

/**
 * Shows every check of a testnet's gate its bad worlds and reports which of them it noticed. The worlds are made by altering what the
 * testnet really answers, on its way to the gate, so that sources, readings and judges are all part of the proof; the testnet itself is
 * not touched. Rejects only when the signal is aborted, or on a defect.
 */
export async function proveGates(options: ProveOptions): Promise<GateProof> {
  const { topology, profile, clock, signal, prometheusUrl } = options;
  const timings = proofTimings(options.timings ?? gateProfile(topology.gate));
  const real = { transport: options.transport ?? httpTransport(clock), lab: options.lab };
  const { input, verdict: unaltered, hasLeader } = await judgeUnaltered({ ...options, ...real, timings });
  const { network, hasPrometheus } = input;
  const windowMs = timings.windowSlots * timings.intervalMs;
  const { checks, leftOut } = supportedChecks(profile, { network, hasPrometheus, windowMs });
  const about = { testnet: topology.testnet, gate: timings.name, slotMs: timings.intervalMs, unaltered, leftOut };

  const notOk = notOkOf(unaltered);
  const doubt = notOk.find((summary) => !saysNothing(summary));
  if (doubt || (unaltered.kind !== 'PASS' && notOk.length === 0)) {
    const said = doubt ? `${doubt.check} of ${doubt.node}: ${doubt.lastDetail ?? ''}` : unaltered.reason;
    const reason = `the testnet as it is does not pass its gate, so nothing can be shown: ${said}`;
    return { ...about, verdict: 'inconclusive', reason, checks: [] };
  }

  const neverKnown = new Map(notOk.map(({ check, lastDetail }) => [check, lastDetail ?? 'UNKNOWN']));
  const worlds = badWorlds({ topology, profile, checks, hasLeader })
    .map((world) => ({ ...world, checks: world.checks.filter((check) => !neverKnown.has(check)) }))
    .filter((world) => world.checks.length > 0);
  const shared = sharedAnswers(real, clock, timings.intervalMs * 0.6);
  const show = { topology, profile, clock, timings, prometheusUrl, signal, input, ...shared };
  options.onProgress?.(0, worlds.length);
  let count = 0;
  const atOnce = Math.min(8, Math.max(1, Math.floor(nodesAtOnce / topology.nodes.length)));
  const shown = await mapConcurrent(worlds, atOnce, async (world) => {
    const results = await showWorld(world, show);
    options.onProgress?.(++count, worlds.length);
    return results;
  });
  if (signal?.aborted) throw abortedError(signal);
  const flap = { name: flapRule, advisory: false };
  const proofs = [...checks, flap].map(({ name, advisory }): CheckProof => {
    const said = neverKnown.get(name);
    if (said !== undefined) {
      return { check: name, advisory, isProven: false, reason: `it never gave a known sample: ${said}`, worlds: [] };
    }
    const own = shown.flat().flatMap(({ check, ...one }): ShownWorld[] => (check === name ? [one] : []));
    return proofOf(name, advisory, own, whyWithoutHarm(profile.checks.find((check) => check.name === name)));
  });
  return { ...about, ...conclusion(proofs), checks: proofs };
}

/** The testnet's own gate, but content with a few good slots: it is only to say what the proof begins with. */
function proofTimings(timings: GateProfile): GateProfile {
  const deadlineMs = Math.max(30_000, 20 * timings.intervalMs);
  return { ...timings, isWeak: true, tailSlots: unalteredSlots, fullSlots: unalteredSlots, deadlineMs };
}

async function judgeUnaltered(
  options: ProveOptions & { timings: GateProfile },
): Promise<{ input: GateInput; verdict: GateVerdict; hasLeader: boolean }> {
  const { topology, profile, lab, clock, prometheusUrl, timings, transport, signal } = options;
  const keeper = createGateKeeper({ topology, profile, lab, clock, prometheusUrl, timings, transport });
  try {
    const { verdict, evidence } = await keeper.preflight({ gateId: 'unaltered', nodes: topology.nodes, signal });
    const seen = evidence.slots.flatMap(({ nodes }) => Object.values(nodes));
    const hasLeader = seen.some(({ status }) => status.ok && status.value.leader !== undefined);
    return { input: evidence.input, verdict, hasLeader };
  } finally {
    await keeper.close();
  }
}

/** Checks whose newest slots were not all OK in the testnet as it is; none when the gate passed without them. */
function notOkOf({ checks }: GateVerdict): CheckSummary[] {
  return checks.filter(({ slots }) => slots.length === 0 || !/^\++$/.test(slots.slice(-unalteredSlots)));
}

/** A check that looks at what nobody exposes; the testnet is not to blame. */
function saysNothing({ slots, lastDetail = '' }: CheckSummary): boolean {
  return /^\?+$/.test(slots) && /^(empty|nan)\b/.test(lastDetail);
}

function conclusion(proofs: readonly CheckProof[]): Pick<GateProof, 'verdict' | 'reason'> {
  const open = proofs.filter(({ isProven }) => !isProven);
  if (open.length === 0) {
    const worlds = proofs.reduce((sum, proof) => sum + proof.worlds.length, 0);
    return {
      verdict: 'proven',
      reason: `${proofs.length} checks turned in each of their bad worlds, ${worlds} in all`,
    };
  }
  const names = open.map(({ check }) => check).join(', ');
  const isOnlyUnseen = open.every(
    ({ worlds }) =>
      worlds.some(({ outcome }) => outcome === 'not-shown') &&
      worlds.every((one) => one.isTurned || one.outcome === 'not-shown'),
  );
  return isOnlyUnseen
    ? { verdict: 'inconclusive', reason: `the testnet was not good for long enough to show every world to ${names}` }
    : { verdict: 'not-proven', reason: `not proven: ${names}` };
}
