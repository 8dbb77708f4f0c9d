import type { EarlyAcknowledgement } from './early-acknowledgement.ts';
import type { BlockStore } from './block-store.ts';
import type { WriteAheadLog } from './write-ahead-log.ts';
import type { Ledger } from './ledger.ts';
import type { Mempool } from './mempool.ts';
import type { Replica } from './replica.ts';

/** A node whose store is open. */
export interface NodeState {
  readonly store: BlockStore;
  readonly wal: WriteAheadLog;
  readonly ledger: Ledger;
  readonly mempool: Mempool;
  readonly replica: Replica;
  /** Of a bad release. */
  readonly early?: EarlyAcknowledgement;
  readonly isHealthy: () => boolean;
  readonly isStopping: () => boolean;
  readonly status: () => object;
  readonly peers: () => object[];
}
