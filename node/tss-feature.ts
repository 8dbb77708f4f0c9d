import { join } from 'node:path';
import type { Block } from './chain.ts';
import type { Config } from './config.ts';
import type { FaultHooks } from './faults.ts';
import { LeaseWatcher } from './lease-file.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { ShareCollector } from './share-collector.ts';
import type { WireMessage } from './wire.ts';

interface Surroundings {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly send: (peer: string, message: WireMessage) => void;
  readonly distortShare: FaultHooks['distortShare'];
}

/** The threshold signatures of one node: its flag, the lease that overrules it for a while, its shares, and what it shows of them. */
export class TssFeature {
  /** Null where the genesis file names no group. */
  readonly shares: ShareCollector | null;
  readonly #config: Config['tss'];
  readonly #metrics: Metrics;
  readonly #lease: LeaseWatcher;
  #refusedHeight = 0;

  constructor({ id, dataFolder, genesis, tss }: Config, { metrics, log, send, distortShare }: Surroundings) {
    this.#config = tss;
    this.#metrics = metrics;
    if (tss.keyProblem !== null) log(tss.isEnabled ? 'error' : 'warn', 'no tss share', { reason: tss.keyProblem });
    this.#lease = new LeaseWatcher(join(dataFolder, 'tss-lease.json'), {
      log,
      malformed: () => metrics.leaseRejected(),
    });
    this.shares =
      tss.group === null
        ? null
        : new ShareCollector({
            ...{ id, chainId: genesis.chainId, group: tss.group, secret: tss.secret },
            isOn: () => this.isOn,
            distort: distortShare,
            rejected: (validator, height) => {
              metrics.share(validator, 'rejected');
              log('warn', 'wrong tss share dropped', { validator, height });
              if (validator === id) this.refused(height);
              else send(validator, { type: 'share-rejected', height });
            },
          });
  }

  get isOn(): boolean {
    const isWanted = this.#lease.held()?.on ?? this.#config.isEnabled;
    return isWanted && this.#config.secret !== null;
  }

  /** Once the data folder exists. */
  start(): void {
    this.#lease.start();
  }

  stop(): void {
    this.#lease.stop();
  }

  status(): object {
    return {
      on: this.isOn,
      flag: this.#config.isEnabled,
      canSign: this.#config.secret !== null,
      lease: this.#lease.held(),
    };
  }

  committed({ tss }: Block): void {
    for (const { validator } of tss?.shares ?? []) this.#metrics.share(validator, 'accepted');
    if (tss?.signature !== undefined) this.#metrics.combined();
  }

  /** Several peers may find the same share wrong; a height counts once. */
  refused(height: number): void {
    if (height <= this.#refusedHeight) return;
    this.#refusedHeight = height;
    this.#metrics.shareRefused();
  }
}
