import { sameProcess, sendSignal } from '../end-process.ts';
import type { ProcessStat } from '../proc.ts';
import { spawnSupervisor } from './supervisor.ts';

/**
 * Who starts a daemon again that is killed: its supervisor, and a second one while faults are live. With one alone, whoever killed
 * both at the same moment would leave the faults as they are: there would be nobody to count their time.
 */
export class Supervision {
  readonly #of: { testnet: string; stateDir: string };
  #first: ProcessStat | undefined;
  #second: ProcessStat | undefined;
  /** One at a time looks who is there. */
  #turn: Promise<void> = Promise.resolve();

  constructor(of: { testnet: string; stateDir: string }, parent: ProcessStat | undefined) {
    this.#of = of;
    // Whoever takes over the children of the dead is no supervisor.
    this.#first = parent?.name === 'sh' ? parent : undefined;
  }

  /** Returns when all are there that must be. */
  keep({ isFaulty }: { isFaulty: boolean }): Promise<void> {
    const done = this.#turn.then(async () => {
      this.#first = await this.#living(this.#first);
      if (isFaulty) this.#second = await this.#living(this.#second);
      else this.#dismissSecond();
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** They would start the daemon again. */
  async end(): Promise<void> {
    await this.#turn;
    this.#dismissSecond();
    if (this.#first) sendSignal(this.#first, 'SIGTERM', 'the lab daemon’s supervisor');
  }

  async #living(supervisor: ProcessStat | undefined): Promise<ProcessStat> {
    return supervisor && sameProcess(supervisor) ? supervisor : spawnSupervisor({ ...this.#of, adopted: process.pid });
  }

  #dismissSecond(): void {
    if (this.#second) sendSignal(this.#second, 'SIGTERM', 'the lab daemon’s second supervisor');
    this.#second = undefined;
  }
}
