import { CleanupError, messageOf } from '../core/errors.ts';
import type { CompiledFault } from './compiled-fault.ts';
import { EffectLook, lookOrSay, type EffectSeen } from './effect-look.ts';
import { verifyHeal } from './heal-look.ts';
import { LeaseSet } from './lease-set.ts';
import type { FaultResult, FaultSetting, FaultTimings, LiveFault } from './live-fault.ts';
import { precheck, type Before } from './precheck.ts';

/** The whole effect must be shown within this, at first and again each time. */
const VERIFY_BUDGET_MS = 10_000;
const LOOK_APART_MS = 250;
/** From one verification to the next, each of which extends the leases. */
const HEARTBEAT_MS = 10_000;

/**
 * Arms a fault, lets it act, and returns once its whole effect was shown. When that cannot be shown the fault is healed, and what is
 * returned is void. Throws RefusedError when the precheck says no, LabError when it could not be armed, AbortedError when the signal was
 * aborted; nothing of it is left then, or a CleanupError says what.
 */
export async function beginFault(setting: FaultSetting): Promise<LiveFault> {
  const before = await precheck(setting);
  const life = new FaultLife(setting, before);
  await life.begin();
  return life;
}

/** Heals because of an error, which a failing heal does not hide. */
async function healAfter(live: Pick<LiveFault, 'heal'>, first: unknown): Promise<void> {
  try {
    await live.heal();
  } catch (error) {
    throw new CleanupError(messageOf(error), { first, cause: error });
  }
}

class FaultLife implements LiveFault {
  readonly fault: CompiledFault;
  readonly #setting: FaultSetting;
  readonly #before: Before;
  readonly #leases: LeaseSet;
  readonly #effect: EffectLook;
  readonly #timings: FaultTimings = {};
  readonly #ended = new AbortController();
  readonly #abandoned = new AbortController();
  #voidReason: string | undefined;
  #isHealed = false;
  #heldSinceMs: number | undefined;
  #looks = 0;
  /** The heartbeat; never rejects. Resolves with the reason when the fault is void. */
  #heartbeat: Promise<string | undefined> = Promise.resolve(undefined);
  #healing: Promise<FaultResult> | undefined;

  constructor(setting: FaultSetting, before: Before) {
    this.fault = setting.fault;
    this.#setting = setting;
    this.#before = before;
    this.#leases = new LeaseSet(before.faults, setting.fault.leases, setting.clock);
    this.#effect = new EffectLook(setting, before, this.#leases);
  }

  get voidReason(): string | undefined {
    return this.#isHealed ? this.#voidReason : undefined;
  }

  async begin(): Promise<void> {
    const signal = this.#setting.signal ?? new AbortController().signal;
    let reason: string | undefined;
    try {
      await this.#arm(signal);
      reason = await this.#act(signal, true);
    } catch (error) {
      await healAfter(this, error);
      throw error;
    }
    if (reason === undefined) {
      this.#heldSinceMs = this.#nowMs();
      this.#heartbeat = this.#keep();
      void this.#heartbeat.then((why) => (why === undefined ? undefined : this.#becomeVoid(why)));
    } else await this.#becomeVoid(reason);
  }

  heal(): Promise<FaultResult> {
    this.#healing ??= this.#heal();
    return this.#healing;
  }

  async abandon(): Promise<void> {
    this.#abandoned.abort();
    this.#ended.abort();
    await this.#heartbeat;
    await this.#before.watch.close().catch(() => undefined);
  }

  async #arm(signal: AbortSignal): Promise<void> {
    await this.#leases.arm(signal);
    const leases = this.fault.leases.map(({ id, node, action, ttlMs }) => ({
      id,
      node: node.name,
      kind: action.kind,
      ttlMs,
    }));
    await this.#setting.record({ type: 'fault.armed', fault: this.fault.id, leases });
  }

  /** Injects and verifies; returns why the effect could not be shown, if so. */
  async #act(signal: AbortSignal, isFirst: boolean): Promise<string | undefined> {
    const { record } = this.#setting;
    const startMs = this.#nowMs();
    this.#effect.forget();
    try {
      await this.#leases.inject(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return `it could not be injected: ${messageOf(error)}`;
    }
    const injectMs = this.#nowMs() - startMs;
    await record({ type: 'fault.injected', fault: this.fault.id, injectMs });
    const { reason, seen } = await this.#shown(signal);
    if (reason !== undefined) return reason;
    const verifiedMs = this.#nowMs() - startMs;
    if (isFirst) Object.assign(this.#timings, { injectMs, verifiedMs });
    const { effects, pairs } = seen;
    await record({ type: 'fault.verified', fault: this.fault.id, verifiedMs, effects, pairs });
    return undefined;
  }

  /** Looks until the whole effect is shown, or its time is over. */
  async #shown(signal: AbortSignal): Promise<{ reason?: string; seen: EffectSeen }> {
    const startMs = this.#nowMs();
    for (let looks = 1; ; looks++) {
      const seen = await lookOrSay(this.#effect, signal);
      this.#looks++;
      if (seen.missing.length === 0) return { seen };
      const { lost } = seen;
      if (lost) {
        const { id, node } = lost;
        const detail = seen.missing.join('; ');
        await this.#setting.record({ type: 'fault.lost', fault: this.fault.id, lease: id, node, detail });
        return { reason: detail, seen };
      }
      const tookMs = this.#nowMs() - startMs;
      if (tookMs >= VERIFY_BUDGET_MS) {
        const after = `after ${(tookMs / 1000).toFixed(1)} s (${looks} looks)`;
        return { reason: `its effect could not be shown ${after}: ${seen.missing.join('; ')}`, seen };
      }
      await this.#setting.clock.sleep(LOOK_APART_MS, signal);
    }
  }

  /** Extends and verifies until the end; returns why the fault is void, if it is. */
  async #keep(): Promise<string | undefined> {
    const { signal } = this.#ended;
    try {
      for (;;) {
        const reason = this.fault.flapMs === undefined ? await this.#beat(signal) : await this.#flap(signal);
        if (reason !== undefined) return reason;
      }
    } catch (error) {
      return signal.aborted ? undefined : messageOf(error);
    }
  }

  async #beat(signal: AbortSignal): Promise<string | undefined> {
    await this.#setting.clock.sleep(HEARTBEAT_MS, signal);
    const { reason } = await this.#shown(signal);
    return reason ?? this.#extend(signal);
  }

  async #extend(signal: AbortSignal): Promise<string | undefined> {
    const untilMs = this.#nowMs() + VERIFY_BUDGET_MS;
    for (;;) {
      try {
        await this.#leases.extend(signal);
        return undefined;
      } catch (error) {
        if (signal.aborted) throw error;
        if (this.#nowMs() >= untilMs) return `its dead-man could not be given more time: ${messageOf(error)}`;
      }
      await this.#setting.clock.sleep(LOOK_APART_MS, signal);
    }
  }

  /** Heals, lets the network be whole for its period, and begins anew. */
  async #flap(signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.#setting;
    const periodMs = this.fault.flapMs ?? 0;
    for (let leftMs = periodMs; leftMs > 0; leftMs -= HEARTBEAT_MS) {
      if (leftMs <= HEARTBEAT_MS) await clock.sleep(leftMs, signal);
      else {
        const reason = await this.#beat(signal);
        if (reason !== undefined) return reason;
      }
    }
    await this.#leases.heal();
    await clock.sleep(periodMs, signal);
    await this.#arm(signal);
    return this.#act(signal, false);
  }

  async #becomeVoid(reason: string): Promise<void> {
    this.#voidReason = reason;
    let failure: unknown;
    try {
      await this.#setting.record({ type: 'fault.void', fault: this.fault.id, reason });
    } catch (error) {
      failure = error;
    }
    await this.heal().catch(() => undefined);
    if (failure !== undefined) this.#healing = Promise.reject(failure);
    await this.#healing?.catch(() => undefined);
  }

  async #heal(): Promise<FaultResult> {
    const { record, clock } = this.#setting;
    this.#ended.abort();
    await this.#heartbeat;
    const startMs = clock.monotonicMs();
    const heldMs = startMs - (this.#heldSinceMs ?? startMs);
    let failure: { error: unknown } | undefined;
    const tell = async (event: Parameters<typeof record>[0]): Promise<void> => {
      if (this.#abandoned.signal.aborted) return;
      // What cannot be written must not keep a fault alive.
      await record(event).catch((error: unknown) => {
        failure ??= { error };
      });
    };
    try {
      await this.#leases.heal();
      const healMs = clock.monotonicMs() - startMs;
      this.#timings.healMs = healMs;
      await tell({ type: 'fault.healed', fault: this.fault.id, healMs, heldMs, looks: this.#looks });
      const wasShown = this.#timings.verifiedMs !== undefined;
      const pairs = await verifyHeal({
        setting: this.#setting,
        before: this.#before,
        leases: this.#leases,
        wasShown,
        signal: this.#abandoned.signal,
      });
      const healVerifiedMs = clock.monotonicMs() - startMs;
      this.#timings.healVerifiedMs = healVerifiedMs;
      await tell({ type: 'fault.heal-verified', fault: this.fault.id, healVerifiedMs, pairs });
    } finally {
      this.#isHealed = true;
      await this.#before.watch.close().catch(() => undefined);
    }
    if (failure) throw failure.error;
    const timings = { ...this.#timings };
    return this.#voidReason === undefined
      ? { outcome: 'verified', timings }
      : { outcome: 'void', reason: this.#voidReason, timings };
  }

  #nowMs(): number {
    return this.#setting.clock.monotonicMs();
  }
}
