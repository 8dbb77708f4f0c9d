import { setMaxListeners } from 'node:events';
import { LabError, RefusedError } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { FaultPort, FaultState, PairWatch } from '../lab/faults.ts';
import { ableTo } from './able-to.ts';
import { monitoringTargets, type CompiledFault } from './compiled-fault.ts';
import { judgePairs, togetherExpected } from './judge-pairs.ts';
import type { FaultSetting } from './live-fault.ts';

/** What was so before the fault. */
export interface Before {
  faults: FaultPort;
  /** Flows that were open before it. The caller closes them. */
  watch: PairWatch;
  /** What each node's process was. */
  instances: ReadonlyMap<string, string | undefined>;
}

const AT_ONCE = 8;
const PROBE_TIMEOUT_MS = 2000;
const LOOKS = 3;
const LOOK_APART_MS = 500;

/** Looks whether a fault can be shown at all here. Throws RefusedError, and LabError when the lab cannot be asked; nothing is touched. */
export async function precheck(setting: FaultSetting): Promise<Before> {
  const { fault, lab, nodes, signal, probes } = setting;
  const { kind } = fault.spec;
  const refuse = (code: 'unsupported' | 'unsafe', why: string, details: Record<string, unknown> = {}): never => {
    throw new RefusedError(code, `${kind} is refused: ${why}`, { details: { fault: fault.id, kind, ...details } });
  };
  if (signal) setMaxListeners(0, signal);
  const { faults } = lab;
  if (!faults) return refuse('unsupported', 'nothing can be broken on purpose on this lab');

  for (const { action } of fault.leases) {
    const able = await ableTo(faults, action, { signal });
    if (able !== true) refuse('unsupported', able, { action: action.kind });
  }
  if (fault.cutFromClients.length > 0 && !probes.clientReaches) {
    refuse('unsupported', 'nobody here looks from where clients are, so that its effect could not be shown');
  }
  const live = setting.live?.() ?? [];
  const clash = clashOf(fault, live, await faults.list({ signal }));
  if (clash !== undefined) refuse('unsafe', clash);

  const down = setting.down?.() ?? [];
  const aimed = new Set([...fault.spec.targets, ...fault.leases.map(({ node }) => node.name)]);
  const instances = new Map<string, string | undefined>();
  await mapConcurrent(nodes, AT_ONCE, async (node) => {
    const seen = await lab.observe(node, { signal });
    instances.set(node.name, seen.identity?.instance);
    if (!aimed.has(node.name)) return;
    if (seen.state !== 'running') refuse('unsafe', `${node.name} is ${seen.state}, so that nothing can be shown on it`);
    if (!(await probes.isAlive(node, { signal, timeoutMs: PROBE_TIMEOUT_MS }))) {
      refuse('unsafe', `${node.name} runs and does not answer its liveness probe, so that nothing can be shown on it`);
    }
  });
  for (const target of monitoringTargets(fault, nodes)) {
    const { state } = await lab.observe(target, { signal });
    if (state !== 'running') refuse('unsafe', `${target.name} is ${state}, so that nothing can be shown on it`);
  }
  for (const name of fault.cutFromClients) {
    const node = nodes.find((one) => one.name === name);
    if (node && (await probes.clientReaches?.(node, { signal, timeoutMs: PROBE_TIMEOUT_MS }))) continue;
    refuse('unsafe', `clients do not reach ${name} as it is, so that nothing can be shown`);
  }

  const watch = await faults.watchPairs(nodes, { signal });
  try {
    const expected = togetherExpected(watch.nodes, live, down);
    for (let looks = 1; ; looks++) {
      const wrong = judgePairs(expected, await watch.look({ signal }));
      if (wrong.length === 0) return { faults, watch, instances };
      if (looks === LOOKS) refuse('unsafe', `the network is not whole before it: ${wrong.join('; ')}`, { wrong });
      await setting.clock.sleep(LOOK_APART_MS, signal);
    }
  } catch (error) {
    await watch.close().catch((closing: unknown) => {
      if (!(closing instanceof LabError)) throw closing;
    });
    throw error;
  }
}

/** Why it would get into the way of another fault. */
function clashOf(
  fault: CompiledFault,
  live: readonly CompiledFault[],
  listed: readonly FaultState[],
): string | undefined {
  for (const { id, node, action } of fault.leases) {
    const same = listed.find((state) => state.id === id || (state.node === node.name && state.kind === action.kind));
    if (same) {
      const left = same.state === 'lost' ? ' or was left there; heal it first' : '';
      return `fault ${same.id} (${same.kind}) acts on ${same.node} already${left}`;
    }
  }
  const own = new Set(linksOf(fault));
  for (const other of live) {
    const shared = linksOf(other).find((link) => own.has(link));
    if (shared !== undefined) return `fault ${other.id} (${other.spec.kind}) acts on the link ${shared} already`;
  }
  return undefined;
}

/** Links that the fault cuts or disturbs, each in one direction. */
function linksOf({ leases }: CompiledFault): string[] {
  return leases.flatMap(({ node, action }) => {
    if (action.kind === 'shape') return action.rules.map(({ peer }) => `${node.name} → ${peer}`);
    if (action.kind !== 'cut') return [];
    return action.rules.map(({ direction, peer }) =>
      direction === 'in' ? `${peer} → ${node.name}` : `${node.name} → ${peer}`,
    );
  });
}
