import { CleanupError, messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { PairProbe, PairWatch } from '../lab/faults.ts';
import { catalogue } from './catalogue.ts';
import { monitoringTargets } from './compiled-fault.ts';
import { judgePairs, togetherExpected } from './judge-pairs.ts';
import type { LeaseSet } from './lease-set.ts';
import type { FaultSetting } from './live-fault.ts';
import type { Before } from './precheck.ts';

const AT_ONCE = 8;
/** Good looks in a row, and how far they are apart. */
const LOOKS = 4;
const APART_MS = 1000;
/** Established flows can stay stalled for 46 s after a minute of partition: their retransmission timers double. */
const BUDGET_MS = 120_000;
const PROBE_TIMEOUT_MS = 2000;

interface HealedFault {
  setting: FaultSetting;
  before: Before;
  leases: LeaseSet;
  /** Its effect was shown, so that nodes that it ended must have been started anew. */
  wasShown: boolean;
  /** Nobody waits for it any more. */
  signal: AbortSignal;
}

/** Shows that a healed fault is gone: four good looks in a row. Returns the last; throws CleanupError with what is still wrong. */
export async function verifyHeal({ setting, before, leases, wasShown, signal }: HealedFault): Promise<PairProbe[]> {
  const { fault, clock } = setting;
  const untilMs = clock.monotonicMs() + BUDGET_MS;
  let renewed: PairWatch | undefined;
  let good = 0;
  try {
    for (let looks = 1; ; looks++) {
      const { wrong, pairs } = await look();
      good = wrong.length === 0 ? good + 1 : 0;
      if (good === LOOKS) return pairs;
      if (wrong.length > 0 && clock.monotonicMs() >= untilMs) {
        throw new CleanupError(
          `${fault.spec.kind} was healed, and after ${BUDGET_MS / 1000} s (${looks} looks) it is not gone: ${wrong.join('; ')}`,
          { details: { fault: fault.id, wrong } },
        );
      }
      await clock.sleep(APART_MS, signal);
    }
  } finally {
    await renewed?.close().catch(() => undefined);
  }

  async function look(): Promise<{ wrong: string[]; pairs: PairProbe[] }> {
    try {
      const left = (await leases.left()).map(({ id, node, state }) => `${id} is still ${state} on ${node}`);
      const { wrong, isAnew } = await lookAtNodes(setting, before, wasShown);
      wrong.push(...(await lookAtMonitoring(setting)));
      // The flows of a node that was started anew are gone for good; new ones take their place.
      if (isAnew && wrong.length === 0) renewed ??= await before.faults.watchPairs(setting.nodes);
      const watch = renewed ?? before.watch;
      const pairs = await watch.look();
      return {
        wrong: [
          ...left,
          ...wrong,
          ...judgePairs(expectedPairs(setting, watch.nodes), pairs),
          ...(await clients(setting)),
        ],
        pairs,
      };
    } catch (error) {
      return { wrong: [`the look failed: ${messageOf(error)}`], pairs: [] };
    }
  }
}

function expectedPairs(setting: FaultSetting, names: readonly string[]): ReturnType<typeof togetherExpected> {
  const { fault } = setting;
  // Whether a node can live on spoiled data is not for the heal to say.
  const spoiled = fault.spec.kind === 'corrupt' ? fault.spec.targets : [];
  return togetherExpected(names, setting.live?.() ?? [], [...(setting.down?.() ?? []), ...spoiled]);
}

async function lookAtNodes(
  setting: FaultSetting,
  before: Before,
  wasShown: boolean,
): Promise<{ wrong: string[]; isAnew: boolean }> {
  const { fault, lab, nodes, probes } = setting;
  const { kind } = fault.spec;
  const { process } = catalogue[kind].proof;
  const isEnded = wasShown && (process === 'stopped' || process === 'restarted');
  const down = setting.down?.() ?? [];
  const aimed = new Set(fault.leases.map(({ node }) => node.name));
  const wrong: string[] = [];
  let isAnew = false;
  await mapConcurrent(nodes, AT_ONCE, async (node) => {
    const { name } = node;
    const { state, identity } = await lab.observe(node);
    const isSame = identity?.instance === before.instances.get(name);
    if (identity && !isSame) isAnew = true;
    if (!aimed.has(name) || down.includes(name)) return;
    if (kind === 'corrupt') {
      if (isSame && isEnded) wrong.push(`${name} was not started anew`);
    } else if (state !== 'running') wrong.push(`${name} is ${state}`);
    else if (isEnded && isSame) wrong.push(`${name} was not started anew`);
    else if (!(await probes.isAlive(node, { timeoutMs: PROBE_TIMEOUT_MS }))) {
      wrong.push(`${name} runs and does not answer its liveness probe`);
    }
  });
  return { wrong, isAnew };
}

/** A lab may have started a container in vain, or not found it any more. */
async function lookAtMonitoring({ fault, lab, nodes }: FaultSetting): Promise<string[]> {
  const wrong: string[] = [];
  for (const target of monitoringTargets(fault, nodes)) {
    const { state } = await lab.observe(target);
    if (state !== 'running') wrong.push(`${target.name} is ${state}`);
  }
  return wrong;
}

async function clients({ fault, nodes, probes }: FaultSetting): Promise<string[]> {
  const wrong: string[] = [];
  for (const node of nodes.filter(({ name }) => fault.cutFromClients.includes(name))) {
    const isReached = await probes.clientReaches?.(node, { timeoutMs: PROBE_TIMEOUT_MS });
    if (isReached !== true) wrong.push(`clients do not reach ${node.name}`);
  }
  return wrong;
}
