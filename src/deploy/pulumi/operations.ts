import { automation } from '@pulumi/pulumi';
import { abortedError } from '../../core/clock.ts';
import { AbortedError, LabError, messageOf } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/wait.ts';
import type { Deployer, NodeChange, RollHooks, Stage } from '../../engine/deployer.ts';
import type { NodeObservation } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import { destroyTestnet } from './destroy.ts';
import { collectEvents, type EventCollector } from './engine-events.ts';
import { requireExpected } from './expectation.ts';
import type { PulumiDeployerOptions } from './options.ts';
import { originalError, runTestnetProgram } from './program.ts';
import { isStackUnready, recoverStack, withRecovery } from './recovery.ts';
import { changesFrom, containerUrn, nodeChangesIn, type ResourceChange } from './resource-changes.ts';
import type { RolloutInputs } from './rollout.ts';
import { openSession, type PulumiSession } from './session.ts';
import { containersInState } from './stack-state.ts';

const CONCURRENCY = 8;

export function pulumiOperations(options: PulumiDeployerOptions): Deployer {
  let opened: Promise<PulumiSession> | undefined;
  const session = (): Promise<PulumiSession> => {
    opened ??= openSession(options);
    opened.catch(() => (opened = undefined));
    return opened;
  };
  return {
    async preview(topology, signal) {
      const operations = new Operations(options, await session(), topology, signal);
      const survey = await operations.survey();
      const changes = nodeChangesIn(await operations.preview(survey));
      const missing = survey.forgotten.filter((node) => !changes.some((change) => change.node === node));
      return [...missing.map((node): NodeChange => ({ node, kind: 'create' })), ...changes];
    },
    async roll(stage, hooks, signal) {
      // Before the survey: what it finds missing may be what a killed command is still making.
      await recoverStack({ options, session: await session(), signal });
      const operations = new Operations(options, await session(), stage.topology, signal);
      await operations.roll(stage, hooks, await operations.survey());
    },
    recover: async (signal) => recoverStack({ options, session: await session(), signal }),
    destroy: (topology, signal) => destroyTestnet(options, session, topology, signal),
  };
}

/** What Pulumi's state does not tell. */
interface Survey {
  /** Nodes whose container is gone although the state knows it. */
  forgotten: string[];
  /** Nodes whose container is there but does no work: they are replaced even if nothing about them changed. */
  down: string[];
}

/** The operations on one topology under one signal. */
class Operations {
  readonly #options: PulumiDeployerOptions;
  readonly #session: PulumiSession;
  readonly #topology: Topology;
  readonly #signal: AbortSignal | undefined;

  constructor(
    options: PulumiDeployerOptions,
    session: PulumiSession,
    topology: Topology,
    signal: AbortSignal | undefined,
  ) {
    this.#options = options;
    this.#session = session;
    this.#topology = topology;
    this.#signal = signal;
  }

  async survey(): Promise<Survey> {
    this.#requireGoing();
    const observed = await mapConcurrent(this.#topology.nodes, CONCURRENCY, (node) => this.#options.observe(node));
    const named = (states: NodeObservation['state'][]): string[] =>
      observed.filter(({ state }) => states.includes(state)).map(({ node }) => node);
    const absent = named(['absent']);
    const known = absent.length === 0 ? new Set() : await this.#ready(() => containersInState(this.#session.stack));
    return { forgotten: absent.filter((node) => known.has(this.#urn(node))), down: named(['stopped', 'paused']) };
  }

  async preview({ down }: Survey): Promise<ResourceChange[]> {
    const collector = await this.#operate((common) =>
      this.#session.stack.preview({
        ...common,
        replace: down.map((node) => this.#urn(node)),
        program: () => this.#program({ hooks: noHooks, order: [] }),
      }),
    );
    return changesFrom(collector.events);
  }

  async roll(stage: Stage, hooks: RollHooks, found: Survey): Promise<void> {
    const { forgotten } = found;
    // What is down and none of the stage's stays so: a run may have stopped or paused it on purpose.
    const down = found.down.filter((node) => stage.only?.includes(node) ?? true);
    if (forgotten.length > 0) {
      await this.#session.run(
        ['state', 'delete', ...forgotten.map((node) => this.#urn(node)), '--yes', '--stack', this.#options.testnet],
        this.#signal,
      );
    }
    if (stage.expected) requireExpected(await this.preview({ forgotten, down }), stage.expected);
    const removed = await this.#nodesToRemove();
    const ended = new AbortController();
    const signal = this.#signal ? AbortSignal.any([this.#signal, ended.signal]) : ended.signal;
    let failure: { error: unknown } | undefined;
    let driver: Promise<void> = Promise.resolve();
    const program = (): Promise<void> => {
      driver = this.#program({ hooks, ...stage, removed, signal });
      driver.catch((error: unknown) => {
        const original = originalError(error);
        if (original !== error) failure = { error: original };
      });
      return driver;
    };
    try {
      await this.#operate((common) =>
        this.#session.stack.up({ ...common, replace: down.map((node) => this.#urn(node)), program }),
      );
    } catch (error) {
      const stopped = new AbortedError('the engine has ended');
      ended.abort(stopped);
      // A hook must not be left working for a roll that is over.
      await driver.catch(() => undefined);
      throw failure && failure.error !== stopped ? failure.error : error;
    }
  }

  #program(
    rollout: Pick<RolloutInputs, 'hooks' | 'order' | 'only' | 'createsInOrder' | 'removed' | 'signal'>,
  ): Promise<void> {
    const { dockerHost, observe, placeSecrets } = this.#options;
    return runTestnetProgram({ ...rollout, topology: this.#topology, dockerHost, observe, placeSecrets });
  }

  async #nodesToRemove(): Promise<string[]> {
    const known = new Set(this.#topology.nodes.map(({ name }) => name));
    const objects = await this.#options.objects.list(this.#signal);
    return objects.flatMap(({ kind, node }) =>
      kind === 'container' && node !== undefined && !known.has(node) ? [node] : [],
    );
  }

  /**
   * One operation of the engine. An abort is not passed to the CLI: the program, which runs in this process, ends by itself, and a
   * CLI that has had a Ctrl-C from the terminal would take a second one as an order to drop everything.
   */
  async #operate(
    operation: (common: {
      onEvent: EventCollector['onEvent'];
      color: 'never';
      suppressProgress: true;
    }) => Promise<unknown>,
  ): Promise<EventCollector> {
    this.#requireGoing();
    return this.#ready(async () => {
      const collector = collectEvents((event) => this.#options.onEvent?.(event));
      try {
        await operation({ onEvent: (event) => collector.onEvent(event), color: 'never', suppressProgress: true });
      } catch (error) {
        if (isStackUnready(error)) throw error;
        if (this.#signal?.aborted) throw abortedError(this.#signal);
        throw engineFailure(collector, error);
      }
      return collector;
    });
  }

  /** Makes the stack where there is none, and cleans up after a command that was killed; both before anything is touched. */
  async #ready<T>(operation: () => Promise<T>): Promise<T> {
    const { testnet } = this.#options;
    return withRecovery({ options: this.#options, session: this.#session, signal: this.#signal }, async () => {
      try {
        return await operation();
      } catch (error) {
        if (!(error instanceof automation.StackNotFoundError)) throw error;
        await this.#session.run(['stack', 'init', testnet, '--no-select'], this.#signal);
        return operation();
      }
    });
  }

  #urn(node: string): string {
    return containerUrn(this.#options.testnet, this.#session.project, node);
  }

  #requireGoing(): void {
    if (this.#signal?.aborted) throw abortedError(this.#signal);
  }
}

/** For dry runs, where none is called. */
const noHooks: RollHooks = {
  before: () => Promise.resolve(),
  after: () => Promise.resolve(),
  afterCreated: () => Promise.resolve(),
  isProven: () => Promise.resolve(false),
};

function engineFailure(collector: EventCollector, cause: unknown): LabError {
  const errors = collector.errors();
  const reasons = errors.length > 0 ? errors : errorLines(messageOf(cause));
  return new LabError(`Pulumi could not finish: ${reasons.join('; ')}`, { cause, details: { errors: reasons } });
}

/** What the CLI printed as its errors, out of a message that also repeats its command line. */
function errorLines(message: string): string[] {
  const lines = [...message.matchAll(/^error: (.*)$/gm)].map(([, text = '']) => text);
  return lines.length > 0 ? [...new Set(lines)] : [message];
}
