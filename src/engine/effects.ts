import type { Clock } from '../core/clock.ts';
import { LabError, messageOf, RefusedError } from '../core/errors.ts';
import type { EffectKind, RunEvent } from '../journal/records.ts';
import type { Lab } from '../lab/lab.ts';
import type { FeatureToggle, ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import { StepError } from './ending/outcome.ts';
import type { EffectDetail, HeldSwitch, RunState } from './run-state.ts';

export interface EffectOptions {
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  clock: Clock;
  runId: string;
  state: RunState;
  clients: ReadonlyMap<string, ProbeClient>;
  record(event: RunEvent): Promise<void>;
  /** Before something is done; rejects when the testnet is another's now. */
  requireLease(signal: AbortSignal): Promise<void>;
}

/** One effect on a node: `act` is done between its two records. */
type Deed = [
  effect: EffectKind,
  step: string,
  name: string,
  detail: EffectDetail,
  signal: AbortSignal,
  act: (node: TopologyNode) => Promise<void>,
  /** What only the deed itself told, for the record after it. */
  found?: () => EffectDetail,
];

/** What a run does to nodes that it does not replace: each is written down before and after. */
export class Effects {
  readonly #options: EffectOptions;
  /** The effect that is under way on a node, or the last one. */
  readonly #turns = new Map<string, Promise<void>>();
  #lost: Error | undefined;

  constructor(options: EffectOptions) {
    this.#options = options;
  }

  /** Switches a feature for a time; the node ends it by itself. Done again, it sets the time anew. */
  async switch(
    step: string,
    name: string,
    toggle: string,
    on: boolean,
    ttlMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#inTurn(name, () => this.#switch(step, name, toggle, on, ttlMs, signal));
  }

  /** Gives what is switched its whole time again, as it is when its turn comes; nothing where it was cleared meanwhile. */
  async extend({ node, toggle }: HeldSwitch, signal: AbortSignal): Promise<void> {
    await this.#inTurn(node, async () => {
      const held = this.#options.state.switches.get(`${node}/${toggle}`);
      if (held) await this.#switch(held.step, node, toggle, held.on, held.ttlMs, signal);
    });
  }

  /** What was switched could not be extended, and its time is over. */
  lose({ node, toggle }: HeldSwitch, why: unknown): void {
    const text = `${toggle} on ${node} could not be kept switched, and has ended by itself: ${messageOf(why)}`;
    // A testnet that is another's now is refused, whatever was being done.
    this.#lost ??= why instanceof RefusedError ? why : new StepError([], 'inconclusive', text);
  }

  /** What was seen since a switch was lost was not seen with it. */
  throwIfLost(): void {
    if (this.#lost) throw this.#lost;
  }

  /** Ends what `switch` began. */
  async clear({ step, node, toggle, leaseId }: HeldSwitch, signal: AbortSignal): Promise<void> {
    await this.#do('clear', step, node, { toggle, leaseId }, signal, (found) =>
      this.#exec(found, this.toggle(toggle).clear(found), signal),
    );
  }

  /** `head`: what the node held right before. */
  async stop(step: string, name: string, signal: AbortSignal, head: EffectDetail = {}): Promise<void> {
    await this.#do('stop', step, name, head, signal, (node) => this.#options.lab.stop(node, { signal }));
  }

  /** `act` tells what is known of the snapshot only when it is taken. */
  async snapshot(
    step: string,
    name: string,
    detail: EffectDetail,
    signal: AbortSignal,
    act: (node: TopologyNode) => Promise<EffectDetail>,
  ): Promise<void> {
    let found: EffectDetail = {};
    const taking = async (node: TopologyNode): Promise<void> => void (found = await act(node));
    await this.#do('snapshot', step, name, detail, signal, taking, () => found);
  }

  async restore(
    step: string,
    name: string,
    detail: EffectDetail,
    signal: AbortSignal,
    act: (node: TopologyNode) => Promise<void>,
  ): Promise<void> {
    await this.#do('restore', step, name, detail, signal, act);
  }

  /** At once, whatever the node is doing; returns when it is gone. */
  async kill(step: string, name: string, signal: AbortSignal): Promise<void> {
    const { lab } = this.#options;
    await this.#do('kill', step, name, {}, signal, async (node) => {
      const { state } = await lab.observe(node, { signal });
      if (state === 'running' || state === 'paused') await lab.signal(node, 'SIGKILL', { signal });
      await lab.stop(node, { signal });
    });
  }

  /** Removes the data of a node that is stopped. */
  async wipe(step: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#do('wipe', step, name, {}, signal, (node) => this.#options.lab.wipe(node, { signal }));
  }

  async start(step: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#do('start', step, name, {}, signal, (node) => this.#options.lab.start(node, { signal }));
  }

  /** Whether the node holds this lease now, by its own answer. */
  async holds({ node, toggle, leaseId }: HeldSwitch): Promise<boolean> {
    const client = this.#options.clients.get(node);
    const lease = client && (await this.toggle(toggle).lease(client));
    return lease?.leaseId === leaseId;
  }

  /** Throws RefusedError('unsupported') where the system has no such feature. */
  toggle(name: string): FeatureToggle {
    const toggle = this.#options.profile.toggles?.[name];
    if (toggle) return toggle;
    throw new RefusedError('unsupported', `${this.#options.profile.title} has no feature ${name} that can be switched`);
  }

  async #do(...deed: Deed): Promise<void> {
    const [, , name] = deed;
    await this.#inTurn(name, () => this.#act(...deed));
  }

  /** One after the other on a node: what is cleared must not be extended by a call that was under way. */
  async #inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const doing = before.then(work);
    this.#turns.set(
      name,
      doing.catch(() => undefined),
    );
    await doing;
  }

  async #switch(
    step: string,
    name: string,
    toggle: string,
    on: boolean,
    ttlMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const leaseId = `${this.#options.runId}:${step.replaceAll('/', '.')}`;
    await this.#act('switch', step, name, { toggle, leaseId, on, ttlMs }, signal, (node) =>
      this.#exec(node, this.toggle(toggle).switch(node, { leaseId, on, ttlMs }), signal),
    );
  }

  async #act(...[effect, step, name, detail, signal, act, found]: Deed): Promise<void> {
    const { topology, clock, record, requireLease } = this.#options;
    const node = topology.nodes.find((candidate) => candidate.name === name);
    if (!node) throw new LabError(`${name} is not in the topology of ${topology.testnet}`, { details: { node: name } });
    await requireLease(signal);
    await record({ type: 'effect.intent', step, effect, node: name, detail });
    const startedMs = clock.monotonicMs();
    await act(node);
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    await record({ type: 'effect.done', step, effect, node: name, tookMs, detail: { ...detail, ...found?.() } });
  }

  async #exec(node: TopologyNode, command: string[], signal: AbortSignal): Promise<void> {
    const { exitCode, stderr } = await this.#options.lab.exec(node, command, { signal });
    if (exitCode === 0) return;
    throw new LabError(`${node.name}: the feature could not be switched (exit code ${exitCode}): ${stderr.trim()}`, {
      details: { node: node.name, exitCode },
    });
  }
}
