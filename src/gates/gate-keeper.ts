import { setMaxListeners } from 'node:events';
import { AbortedError, UsageError } from '../core/errors.ts';
import { abortedError } from '../core/clock.ts';
import type { TopologyNode } from '../topology/topology.ts';
import { directSource } from './direct-source.ts';
import { guardVerdict } from './gate-evidence.ts';
import type { GateInput } from './gate-judge.ts';
import type {
  GateBaseline,
  GateKeeper,
  GateKeeperOptions,
  GateRequest,
  GateResume,
  GateResult,
  PreflightRequest,
} from './gate-requests.ts';
import { createGuards } from './guards.ts';
import { intendedNode } from './identity-check.ts';
import { httpTransport } from './http-transport.ts';
import {
  gateProfile,
  preflightProfile,
  prometheusOffsetMs,
  scrapeIntervalMs,
  settleMsFor,
  soakProfile,
  type GateProfile,
} from './profiles.ts';
import { prometheusSource } from './prometheus-source.ts';
import type { SlotReading } from './readings.ts';
import { restoreGate } from './restore-gate.ts';
import { RunningGate, type RunningGateOptions } from './running-gate.ts';
import { baselineOf, instanceOf } from './baseline.ts';
import { highestOf, networkFacts, slotFacts } from './slot-facts.ts';
import { Silences } from './silence.ts';
import { startSlotLoop, type GridSlot, type SlotLoop } from './slot-loop.ts';
import type { JudgedNode } from './watched-node.ts';

/** Watches a testnet and judges it; see GateKeeper. */
export function createGateKeeper(options: GateKeeperOptions): GateKeeper {
  const { topology, profile, lab, clock, prometheusUrl } = options;
  const transport = options.transport ?? httpTransport(clock);
  const asksPrometheus =
    prometheusUrl !== undefined && profile.checks.some(({ source }) => source === 'prometheus' || source === 'alerts');
  const chosen = options.timings ?? gateProfile(topology.gate);
  const timings: GateProfile = { ...chosen, settleMs: settleMsFor(chosen, asksPrometheus) };
  const network = networkFacts(topology);
  const readNodes = directSource({ profile, lab, clock, transport });
  const readPrometheus = asksPrometheus
    ? prometheusSource({
        baseUrl: prometheusUrl,
        testnet: topology.testnet,
        checks: profile.checks,
        offsetMs: prometheusOffsetMs(timings),
        scrapeIntervalMs: scrapeIntervalMs(timings),
        transport,
        clock,
      })
    : undefined;

  const changing = new Set<string>();
  const beforeChange = new Map<string, { highest: number | undefined; instance: string | undefined }>();
  const guards = createGuards(profile);
  const silences = new Silences(timings.windowSlots * timings.intervalMs);
  const closed = new AbortController();
  setMaxListeners(0, closed.signal);
  let active: RunningGate | undefined;
  let newest: SlotReading | undefined;
  let loop: SlotLoop | undefined;
  let defect: { error: unknown } | undefined;

  return {
    timings,
    start,
    preflight,
    beginChange(nodes) {
      guards.drop(nodes);
      for (const node of nodes) {
        changing.add(node);
        beforeChange.set(node, {
          highest: newest && highestOf(newest),
          instance: newest && instanceOf(newest, node),
        });
      }
    },
    leaveOut(nodes) {
      guards.drop(nodes);
      for (const node of nodes) changing.add(node);
    },
    gate,
    get guardFailure() {
      return guards.failure;
    },
    get guarded() {
      return guards.nodes;
    },
    suspendGuards: () => guards.suspend(),
    stopGuards: () => guards.stop(),
    async close() {
      closed.abort(new AbortedError('the gate keeper was closed'));
      active?.fail(abortedError(closed.signal));
      guards.stop();
      await loop?.stop();
    },
  };

  function start(): void {
    loop ??= startSlotLoop({
      clock,
      intervalMs: timings.intervalMs,
      read: readSlot,
      deliver,
      onError(error) {
        defect = { error };
        active?.fail(error);
      },
    });
  }

  async function readSlot(slot: GridSlot): Promise<SlotReading> {
    const leftOut = new Set(changing);
    const gated = active?.judge;
    if (gated && !gated.isChangingAt(slot.monoMs) && gated.input.kind === 'gate') {
      for (const node of gated.nodes) leftOut.delete(node);
    }
    const focus = new Set([...(gated?.nodes ?? []), ...guards.nodes]);
    const [reading, prometheus] = await Promise.all([
      readNodes({ ...slot, nodes: topology.nodes, focus, leftOut: [...leftOut] }),
      readPrometheus?.(slot),
    ]);
    return prometheus ? { ...reading, prometheus } : reading;
  }

  function deliver(reading: SlotReading): void {
    newest = reading;
    silences.mark(reading);
    options.onSlot?.(reading);
    const facts = slotFacts(reading, network);
    const gated = active;
    const decision = gated?.pushSlot(reading, facts) ?? { kind: 'continue' };
    if (gated) options.onProgress?.(gated.judge.progress());
    const failure = guards.push(reading, facts);
    if (failure) options.onGuardFailed?.(failure);
    // A gate's own harm says more than a guard's; but nothing passes beside a guard that failed.
    if (decision.kind !== 'continue' && !(decision.kind === 'PASS' && failure)) gated?.end(decision);
    else if (gated?.judge.input.kind === 'gate') endByGuard(gated);
  }

  function endByGuard(gated: RunningGate): boolean {
    const { failure } = guards;
    if (!failure) return false;
    gated.evidence.guardFailure = failure;
    gated.end(guardVerdict(failure));
    return true;
  }

  async function preflight(request: PreflightRequest): Promise<GateResult & { baseline: GateBaseline }> {
    const { gateId = 'preflight', judgesIdentity = true, exclude = [], signal } = request;
    const nodes = request.nodes
      .filter(({ name }) => !exclude.includes(name))
      .map((node) => ({ name: node.name, ...(judgesIdentity ? { intended: intendedNode(node) } : {}) }));
    return whileChanging(exclude, async () => {
      const result = await run(inputFor('preflight', gateId, nodes), signal, async (gated) => observe(gated));
      return { ...result, baseline: baselineOf(result.evidence.slots.at(-1) ?? newest) };
    });
  }

  async function gate(request: GateRequest): Promise<GateResult> {
    const { gateId, nodes, midChange = [], soakMs = 0, signal } = request;
    const names = nodes.map(({ name }) => name);
    guards.drop(names);
    for (const node of names) changing.add(node);
    return whileChanging(midChange, async () => {
      const judged = nodes.map((node) => judgedNode(node, request));
      const result = request.resume
        ? await resume(request.resume, signal)
        : await run(inputFor('gate', gateId, judged, soakMs), signal, (gated, ended) => identify(gated, nodes, ended));
      if (result.verdict.kind === 'PASS') {
        for (const node of names) changing.delete(node);
        for (const node of names) beforeChange.delete(node);
      }
      return result;
    });
  }

  /** Leaves nodes out of the others' checks for as long as the work takes. */
  async function whileChanging<T>(nodes: readonly string[], work: () => Promise<T>): Promise<T> {
    const added = nodes.filter((node) => !changing.has(node));
    for (const node of added) changing.add(node);
    try {
      return await work();
    } finally {
      for (const node of added) changing.delete(node);
    }
  }

  /** Goes on with what an earlier process has counted; the identity was seen then, and every slot looks at it again. */
  function resume({ segments }: GateResume, signal: AbortSignal | undefined): Promise<GateResult> {
    const now = { wallMs: clock.wallMs(), monoMs: clock.monotonicMs() };
    const gate = restoreGate(
      segments.map(({ segment }) => segment),
      now,
    );
    const restored = { gate, segments: segments.map(({ hash }) => hash) };
    return run(gate.input, signal, async (gated) => observe(gated), restored);
  }

  /** Runs one gate to its verdict, its deadline, or the caller's signal. */
  async function run(
    input: GateInput,
    signal: AbortSignal | undefined,
    begin: (gated: RunningGate, signal: AbortSignal) => Promise<void>,
    restored?: RunningGateOptions['restored'],
  ): Promise<GateResult> {
    if (active) throw new UsageError(`gate ${active.judge.input.gateId} is still running`);
    if (signal?.aborted) throw abortedError(signal);
    if (closed.signal.aborted) throw abortedError(closed.signal);
    if (defect) throw defect.error;
    const { storeSegment } = options;
    const gated = new RunningGate({
      input,
      profile,
      onPhase: (phase) => options.onPhase?.(input.gateId, phase),
      storeSegment: storeSegment && ((segment) => storeSegment(input.gateId, segment)),
      restored,
    });
    const over = new AbortController();
    setMaxListeners(0, over.signal);
    const onAbort = (): void => gated.fail(abortedError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    active = gated;
    try {
      start();
      // The slots decide; this only ends a gate whose slots do not come any more.
      const lastSlotMs = input.startedMonoMs + input.profile.deadlineMs + timings.intervalMs - clock.monotonicMs();
      clock.sleep(Math.max(0, lastSlotMs), over.signal).then(
        () => gated.expire(clock.wallMs(), clock.monotonicMs()),
        () => undefined,
      );
      begin(gated, over.signal).catch((error: unknown) => gated.fail(error));
      const result = await gated.result;
      if (result.verdict.kind === 'PASS' && input.kind === 'gate') {
        guards.restore(clock.wallMs(), clock.monotonicMs());
        guards.add(gated.judge, clock.wallMs(), clock.monotonicMs());
      }
      return result;
    } finally {
      active = undefined;
      over.abort();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Looks at the gated nodes alone, more often than once a slot, so that a gate costs no more than its window. */
  async function identify(gated: RunningGate, nodes: readonly TopologyNode[], signal: AbortSignal): Promise<void> {
    const pollMs = Math.min(1000, timings.intervalMs / 5);
    const timeoutMs = Math.min(1000, timings.intervalMs);
    for (let slot = 0; !signal.aborted; slot++) {
      const monoMs = clock.monotonicMs();
      const reading = await readNodes({
        slot,
        atMs: clock.wallMs(),
        monoMs,
        nodes,
        focus: new Set(),
        leftOut: [...changing],
        timeoutMs,
        signal,
      });
      if (signal.aborted) return;
      const decision = gated.pushIdentity(reading);
      if (decision.kind !== 'continue') {
        gated.end(decision);
        return;
      }
      if (endByGuard(gated)) return;
      options.onProgress?.(gated.judge.progress());
      if (gated.judge.phase !== 'identity') {
        observe(gated);
        return;
      }
      await clock.sleep(Math.max(0, pollMs - (clock.monotonicMs() - monoMs)), signal).catch(() => undefined);
    }
  }

  /** From now on the gate takes the loop's slots, the first one at once. */
  function observe(gated: RunningGate): void {
    gated.takeSlotsFrom(clock.monotonicMs());
    loop?.realign();
  }

  function inputFor(kind: 'preflight' | 'gate', gateId: string, nodes: JudgedNode[], soakMs = 0): GateInput {
    return {
      gateId,
      kind,
      profile: kind === 'preflight' ? preflightProfile(timings) : soakProfile(timings, soakMs),
      network,
      nodes,
      hasPrometheus: asksPrometheus,
      watchesQuorum: true,
      startedAtMs: clock.wallMs(),
      startedMonoMs: clock.monotonicMs(),
    };
  }

  function judgedNode(node: TopologyNode, { actionAtMs, baseline }: GateRequest): JudgedNode {
    const noted = beforeChange.get(node.name);
    const instanceBefore = noted?.instance ?? baseline?.nodes[node.name]?.instance;
    const heights = [noted?.highest, baseline?.highest].filter((height) => height !== undefined);
    return {
      name: node.name,
      intended: intendedNode(node),
      ...(actionAtMs === undefined ? {} : { actionAtMs }),
      ...(instanceBefore === undefined ? {} : { instanceBefore }),
      ...(heights.length > 0 ? { heightBefore: Math.max(...heights) } : {}),
    };
  }
}
