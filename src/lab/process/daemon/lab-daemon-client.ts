import type { Clock } from '../../../core/clock.ts';
import { waitFor } from '../../../core/wait.ts';
import type { CallOptions } from '../../call-options.ts';
import { sameProcess, sendSignal } from '../end-process.ts';
import { findDaemon } from '../mark.ts';
import { DaemonConnection, DaemonGoneError } from './control-client.ts';
import type { LabAnswers, LabRequest } from './control-protocol.ts';
import { spawnSupervisor } from './supervisor.ts';

const START_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 5000;
const ASK_TRIES = 3;

/** A testnet's lab daemon, as commands reach it. */
export class LabDaemon {
  readonly #testnet: string;
  readonly #stateDir: string;
  readonly #clock: Clock;
  /** From the moment a supervisor is started until the first who waits has reached its daemon, or gives up. */
  #starting: Promise<void> | undefined;

  constructor({ testnet, stateDir, clock }: { testnet: string; stateDir: string; clock: Clock }) {
    this.#testnet = testnet;
    this.#stateDir = stateDir;
    this.#clock = clock;
  }

  /** Asks the daemon, which is started when it does not run; one that ends while it is asked is followed by another. */
  async ask<R extends LabRequest>(request: R, options: CallOptions = {}): Promise<LabAnswers[R['op']]> {
    for (let tries = 1; ; tries++) {
      const connection = await this.connect(options);
      try {
        return await connection.request(request, options);
      } catch (error) {
        if (!(error instanceof DaemonGoneError) || tries === ASK_TRIES) throw error;
      } finally {
        connection.close();
      }
    }
  }

  /** Asks it only when it runs; undefined when it does not. */
  async askIfThere<R extends LabRequest>(
    request: R,
    options: CallOptions = {},
  ): Promise<LabAnswers[R['op']] | undefined> {
    const connection = await DaemonConnection.open(this.#stateDir, this.#clock);
    if (!connection) return undefined;
    try {
      return await connection.request(request, options);
    } finally {
      connection.close();
    }
  }

  /** A connection to the daemon, which is started when it does not run. */
  async connect(options: CallOptions = {}): Promise<DaemonConnection> {
    const connection = await DaemonConnection.open(this.#stateDir, this.#clock);
    if (connection) return connection;
    const starting = (this.#starting ??= this.#start());
    try {
      await starting;
      return await waitFor(() => DaemonConnection.open(this.#stateDir, this.#clock), {
        clock: this.#clock,
        what: `the lab daemon of ${this.#testnet} to listen`,
        timeoutMs: START_TIMEOUT_MS,
        intervalMs: 5,
        signal: options.signal,
      });
    } finally {
      if (this.#starting === starting) this.#starting = undefined;
    }
  }

  /** Ends it; returns when neither it nor its supervisor is there. */
  async end(): Promise<void> {
    await this.askIfThere({ op: 'end' }, { timeoutMs: END_TIMEOUT_MS }).catch(() => undefined);
    const gone = async (): Promise<true | undefined> => {
      const left = await findDaemon(this.#testnet, this.#stateDir);
      return left.some((stat) => sameProcess(stat)) ? undefined : true;
    };
    const wait = (timeoutMs: number): Promise<true> =>
      waitFor(gone, {
        clock: this.#clock,
        what: `the lab daemon of ${this.#testnet} to end`,
        timeoutMs,
        intervalMs: 10,
      });
    try {
      await wait(END_TIMEOUT_MS);
    } catch {
      // The supervisor first, or it would start another one.
      for (const stat of await findDaemon(this.#testnet, this.#stateDir)) sendSignal(stat, 'SIGKILL', 'the lab daemon');
      await wait(END_TIMEOUT_MS);
    }
  }

  /** Where one is being started already, by whoever, another one is started in vain and ends at once. */
  async #start(): Promise<void> {
    await spawnSupervisor({ testnet: this.#testnet, stateDir: this.#stateDir });
  }
}
