import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { FaultActionKind, FaultLease, FaultState, NetworkEnd } from '../faults.ts';

/** How one lease goes wrong. Everything left out goes well and takes no time. */
export interface FakeFaultBehaviour {
  /** The call fails with this message and changes nothing. */
  armError?: string;
  injectError?: string;
  extendError?: string;
  healError?: string;
  /** The call to inject returns, and nothing acts. */
  ignoresInjection?: boolean;
  /** It acts, but what counts its effect stands still. */
  countsNothing?: boolean;
  /** Acts no more this long after its injection, as when a container got a new network. */
  isLostAfterMs?: number;
  /** Drops what comes from and goes to these nodes as well. */
  alsoCuts?: readonly string[];
  /** The heal returns, but the effect lasts so much longer. */
  healsLateMs?: number;
  /** The heal returns and the effect is gone, but not the object. */
  leavesResidue?: boolean;
}

/** What faults do to the nodes of a fake world. */
interface FaultTargets {
  exists(name: string): boolean;
  setPaused(name: string, isPaused: boolean): void;
  end(name: string, isKill: boolean): void;
  /** Succeeds when it runs. */
  start(name: string): void;
  wipe(name: string): void;
}

/** A lease as the fake world holds it. */
interface HeldFault {
  lease: FaultLease;
  behaviour: FakeFaultBehaviour;
  expiresAtMs: number;
  injectedAtMs: number | undefined;
  isLost: boolean;
  /** Healed, but its effect lasts until then. */
  lastsUntilMs: number | undefined;
  isResidue: boolean;
}

const PACKETS_PER_SECOND = 10;

/** The faults of a fake world. Dead-men fire in the world's time: whoever looks sees what must have happened since the last look. */
export class FakeFaults {
  /** What this world cannot do, with the sentence that says why. */
  readonly missing = new Map<FaultActionKind, string>();
  /** Decides how a lease goes. */
  script: (lease: FaultLease) => FakeFaultBehaviour = () => ({});
  readonly #targets: FaultTargets;
  readonly #clock: Clock;
  #held: HeldFault[] = [];
  #isSettling = false;

  constructor(targets: FaultTargets, clock: Clock) {
    this.#targets = targets;
    this.#clock = clock;
  }

  arm(lease: FaultLease): void {
    this.settle();
    const behaviour = this.script(lease);
    if (behaviour.armError !== undefined) throw new LabError(behaviour.armError);
    this.#held.push({
      lease,
      behaviour,
      expiresAtMs: this.#nowMs() + lease.ttlMs,
      injectedAtMs: undefined,
      isLost: false,
      lastsUntilMs: undefined,
      isResidue: false,
    });
  }

  inject(held: HeldFault): void {
    const { behaviour } = held;
    if (behaviour.injectError !== undefined) throw new LabError(behaviour.injectError);
    if (held.injectedAtMs !== undefined || behaviour.ignoresInjection) return;
    held.injectedAtMs = this.#nowMs();
    this.#act(held);
  }

  extend(held: HeldFault, ttlMs: number): void {
    if (held.behaviour.extendError !== undefined) throw new LabError(held.behaviour.extendError);
    held.expiresAtMs = this.#nowMs() + ttlMs;
  }

  heal(held: HeldFault): void {
    const { behaviour } = held;
    if (behaviour.healError !== undefined) throw new LabError(behaviour.healError);
    if (behaviour.healsLateMs !== undefined && held.lastsUntilMs === undefined) {
      held.lastsUntilMs = this.#nowMs() + behaviour.healsLateMs;
      return;
    }
    this.#end(held);
    held.isResidue = behaviour.leavesResidue === true;
    if (!held.isResidue) this.#drop(held);
  }

  find(node: string, id: string): HeldFault | undefined {
    this.settle();
    return this.#held.find(({ lease }) => lease.id === id && lease.node.name === node);
  }

  all(): HeldFault[] {
    this.settle();
    return [...this.#held];
  }

  stateOf(held: HeldFault): FaultState {
    const { lease, injectedAtMs, isLost, isResidue } = held;
    return {
      id: lease.id,
      node: lease.node.name,
      kind: lease.action.kind,
      state: isLost || isResidue ? 'lost' : injectedAtMs === undefined ? 'armed' : 'injected',
      ...(isResidue ? {} : { remainingMs: held.expiresAtMs - this.#nowMs() }),
      effect: isResidue ? {} : this.#effectOf(held),
      ...(isLost ? { detail: 'its target changed under it' } : {}),
      ...(isResidue ? { detail: 'its object was left behind' } : {}),
    };
  }

  /** Whether data gets from one end to another, as far as faults go. Cuts of single ports are not seen by those who look at pairs. */
  passes(from: NetworkEnd, to: NetworkEnd): boolean {
    return !this.#acting().some(({ lease: { node, action }, behaviour }) => {
      const [own, peer] = node.name === to ? ['in', from] : node.name === from ? ['out', to] : [];
      if (own === undefined || action.kind !== 'cut') return false;
      if (behaviour.alsoCuts?.includes(peer ?? '')) return true;
      return action.rules.some((rule) => rule.direction === own && rule.peer === peer && rule.ports === undefined);
    });
  }

  /** Delay that faults add to what one node sends to another, ms. */
  delayMs(from: NetworkEnd, to: NetworkEnd): number {
    const rules = this.#acting().flatMap(({ lease: { node, action } }) =>
      action.kind === 'shape' && node.name === from ? action.rules : [],
    );
    return rules.filter(({ peer }) => peer === to).reduce((sum, { delayMs = 0 }) => sum + delayMs, 0);
  }

  /** Lets happen what was due. */
  settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    const nowMs = this.#nowMs();
    for (const held of [...this.#held]) {
      const { behaviour, injectedAtMs } = held;
      if (held.isResidue) continue;
      const isOver = held.expiresAtMs <= nowMs || (held.lastsUntilMs ?? Infinity) <= nowMs;
      if (isOver) {
        this.#end(held);
        this.#drop(held);
      } else if (injectedAtMs !== undefined && injectedAtMs + (behaviour.isLostAfterMs ?? Infinity) <= nowMs) {
        held.isLost = true;
      }
    }
    this.#isSettling = false;
  }

  #acting(): HeldFault[] {
    return this.all().filter((held) => held.injectedAtMs !== undefined && !held.isLost && !held.isResidue);
  }

  #drop(held: HeldFault): void {
    this.#held = this.#held.filter((one) => one !== held);
  }

  #act({ lease: { node, action } }: HeldFault): void {
    const { name } = node;
    if (!this.#targets.exists(name)) return;
    if (action.kind === 'pause') this.#targets.setPaused(name, true);
    if (action.kind === 'config') this.#restart(name);
    if (action.kind === 'monitoring-gone') this.#targets.end(name, false);
    if (action.kind !== 'down') return;
    this.#targets.end(name, action.signal === 'SIGKILL');
    if (action.data === 'wipe') this.#targets.wipe(name);
  }

  #end({ lease: { node, action }, injectedAtMs }: HeldFault): void {
    const { name } = node;
    if (injectedAtMs === undefined || !this.#targets.exists(name)) return;
    if (action.kind === 'pause') this.#targets.setPaused(name, false);
    if (action.kind === 'config') this.#restart(name);
    if (action.kind === 'down' || action.kind === 'monitoring-gone') this.#targets.start(name);
  }

  #restart(name: string): void {
    this.#targets.end(name, false);
    this.#targets.start(name);
  }

  #effectOf({ lease: { action }, behaviour, injectedAtMs, isLost }: HeldFault): FaultState['effect'] {
    if (injectedAtMs === undefined) return {};
    const untilMs = isLost ? injectedAtMs + (behaviour.isLostAfterMs ?? 0) : this.#nowMs();
    const packets = behaviour.countsNothing ? 0 : Math.floor(((untilMs - injectedAtMs) * PACKETS_PER_SECOND) / 1000);
    switch (action.kind) {
      case 'cut':
        return { droppedPackets: packets };
      case 'shape':
        return { heldPackets: packets };
      case 'pause':
        return { process: 'stopped' };
      case 'down':
        return { process: 'gone', data: action.data };
      case 'clock':
        return { offsetMs: action.offsetMs };
      case 'cpu':
        return { share: action.share };
      case 'memory':
        return { limitBytes: action.limitBytes };
      case 'config':
        return { spoiled: action.path };
      case 'dns':
      case 'disk-full':
      case 'monitoring-gone':
        return { state: 'in effect' };
    }
  }

  #nowMs(): number {
    return this.#clock.monotonicMs();
  }
}
