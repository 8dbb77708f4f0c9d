import { messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { FaultState, PairProbe } from '../lab/faults.ts';
import { catalogue } from './catalogue.ts';
import { judgePairs, togetherExpected } from './judge-pairs.ts';
import type { LeaseSet } from './lease-set.ts';
import type { FaultSetting } from './live-fault.ts';
import type { Before } from './precheck.ts';

/** What one look at an acting fault showed. */
export interface EffectSeen {
  /** What is not as it must be; empty when the whole effect was shown. */
  missing: string[];
  /** A lease that acts no more. */
  lost?: FaultState;
  effects: Record<string, FaultState['effect']>;
  pairs: PairProbe[];
}

const AT_ONCE = 8;
const PROBE_TIMEOUT_MS = 1000;

/** Looks at one fault while it acts; remembers counters from look to look. */
export class EffectLook {
  readonly #setting: FaultSetting;
  readonly #before: Before;
  readonly #leases: LeaseSet;
  /** Latest counters of each lease, and whether any was ever seen to rise. */
  readonly #counters = new Map<string, { values: FaultState['effect']; hasRisen: boolean }>();

  constructor(setting: FaultSetting, before: Before, leases: LeaseSet) {
    this.#setting = setting;
    this.#before = before;
    this.#leases = leases;
  }

  /** Counters are looked at anew, for what was injected anew. */
  forget(): void {
    this.#counters.clear();
  }

  async look(signal: AbortSignal): Promise<EffectSeen> {
    const { fault } = this.#setting;
    const states = await this.#leases.inspect(signal);
    const effects = Object.fromEntries(states.map(({ id, effect }) => [id, effect]));
    const lost = states.find(({ state }) => state === 'lost' || state === 'absent');
    if (lost) return { missing: [lostText(lost)], lost, effects, pairs: [] };

    // What shows that counters rise is what they were before this look.
    for (const { id, effect } of states) {
      if (!this.#counters.has(id)) this.#counters.set(id, { values: effect, hasRisen: false });
    }
    const down = this.#setting.down?.() ?? [];
    const live = this.#setting.live?.() ?? [];
    const { watch } = this.#before;
    const pairs = await watch.look({ signal });
    const missing = [
      ...judgePairs(togetherExpected(watch.nodes, [fault, ...live], down), pairs),
      ...(await this.#clients(signal)),
      ...(await this.#processes(signal)),
      // Last: the looks at pairs and clients are what raises some counters.
      ...(await this.#leases.inspect(signal)).flatMap((state) => this.#effect(state)),
    ];
    return { missing, effects, pairs };
  }

  #effect(state: FaultState): string[] {
    const { id, node, kind, effect } = state;
    if (state.state !== 'injected') return [`${kind} on ${node} is ${state.state}`];
    if (Object.keys(effect).length === 0) return [`nothing shows that ${kind} acts on ${node}`];
    if (catalogue[this.#setting.fault.spec.kind].proof.effect !== 'rises') return [];
    const known = this.#counters.get(id) ?? { values: effect, hasRisen: false };
    const fallen = countersOf(effect).find(([name, value]) => value < Number(known.values[name] ?? value));
    if (fallen)
      return [`the counter ${fallen[0]} of ${kind} on ${node} fell to ${fallen[1]}, so that it is another one`];
    const hasRisen =
      known.hasRisen || countersOf(effect).some(([name, value]) => value > Number(known.values[name] ?? value));
    this.#counters.set(id, { values: effect, hasRisen });
    return hasRisen ? [] : [`no counter of ${kind} on ${node} has risen`];
  }

  async #clients(signal: AbortSignal): Promise<string[]> {
    const { fault, nodes, probes } = this.#setting;
    const cut = nodes.filter(({ name }) => fault.cutFromClients.includes(name));
    const reached = await mapConcurrent(cut, AT_ONCE, async (node) =>
      (await probes.clientReaches?.(node, { signal, timeoutMs: PROBE_TIMEOUT_MS })) ? node.name : undefined,
    );
    return reached.flatMap((name) => (name === undefined ? [] : [`clients still reach ${name}`]));
  }

  async #processes(signal: AbortSignal): Promise<string[]> {
    const { fault, lab, probes } = this.#setting;
    const wanted = catalogue[fault.spec.kind].proof.process;
    if (wanted === undefined) return [];
    const wrong = await mapConcurrent(fault.leases, AT_ONCE, async ({ node }) => {
      const { state, identity } = await lab.observe(node, { signal });
      if (wanted === 'restarted') {
        const isSame = identity !== undefined && identity.instance === this.#before.instances.get(node.name);
        return isSame ? `${node.name} was not started anew` : undefined;
      }
      if (state !== wanted) return `${node.name} is ${state}, not ${wanted}`;
      const isAlive = await probes.isAlive(node, { signal, timeoutMs: PROBE_TIMEOUT_MS });
      return isAlive ? `${node.name} is ${state} and yet answers its liveness probe` : undefined;
    });
    return wrong.filter((text) => text !== undefined);
  }
}

/** The look, where what fails on the way is one more thing that could not be shown. */
export async function lookOrSay(effect: EffectLook, signal: AbortSignal): Promise<EffectSeen> {
  try {
    return await effect.look(signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return { missing: [`the look failed: ${messageOf(error)}`], effects: {}, pairs: [] };
  }
}

function countersOf(effect: FaultState['effect']): [string, number][] {
  return Object.entries(effect).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
}

function lostText({ kind, node, state, detail }: FaultState): string {
  return `${kind} on ${node} is ${state === 'absent' ? 'gone' : 'lost'}${detail === undefined ? '' : `: ${detail}`}`;
}
