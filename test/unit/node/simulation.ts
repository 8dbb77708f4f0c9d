import { BlockStore } from '../../../node/block-store.ts';
import { blockHash } from '../../../node/chain.ts';
import type { Block, CommittedBlock } from '../../../node/chain.ts';
import { Equivocator } from '../../../node/equivocator.ts';
import { Ledger } from '../../../node/ledger.ts';
import { Mempool } from '../../../node/mempool.ts';
import { Replica } from '../../../node/replica.ts';
import { ShareCollector } from '../../../node/share-collector.ts';
import { ThresholdGroup } from '../../../node/tss-group.ts';
import type { DealtKey } from '../../../node/tss-deal.ts';
import { transactionId } from '../../../node/transaction.ts';
import { genesisHash } from '../../../node/validators.ts';
import type { WireMessage } from '../../../node/wire.ts';
import { WriteAheadLog } from '../../../node/write-ahead-log.ts';
import { testChain } from './identities.ts';
import type { TestChain } from './identities.ts';
import { Fuse, MemoryFile, ProcessKilled } from './memory-file.ts';
import { seededRandom } from './random.ts';

type Sort = 'proposal' | 'prevote' | 'precommit' | 'other';

/** Threshold signatures in a simulation: who signs now, and who signs what it should not. */
export interface SimulatedTss {
  readonly key: DealtKey;
  readonly isOn: (id: string) => boolean;
  readonly distort?: (id: string) => ((height: number, message: string) => string | null) | null;
}

export interface Weather {
  /** Share of messages lost, 0 to 1, by sort: uneven losses tempt validators to decide differently in the next round. */
  readonly loss: Readonly<Record<Sort, number>>;
  /** Chance that a node which has just committed is cut off for a while, before the others can learn of its commit. */
  readonly isolation: number;
  /** Each message takes a random time up to this, so that messages overtake each other. */
  readonly maxDelayMs: number;
}

const calm: Weather = { loss: { proposal: 0, prevote: 0, precommit: 0, other: 0 }, isolation: 0, maxDelayMs: 5 };

interface Node {
  readonly id: string;
  /** Changes with every boot; what belongs to an older one is dropped. */
  generation: number;
  replica: Replica | null;
  store: BlockStore | null;
  files: { blocks: MemoryFile; wal: MemoryFile };
  fuse: Fuse;
}

/**
 * Real replicas with real logs and signatures, on a virtual clock, network and disk. Everything that happens follows from the seed.
 * Throws as soon as two nodes commit different blocks or app hashes at one height, a validator signs two different things for
 * one step and is not one of those that are to, or a transaction is committed twice.
 */
export class Simulation {
  weather: Weather = calm;
  /** Loses chosen messages, for scripted cases. */
  drop: (from: string, to: string, message: WireMessage) => boolean = () => false;
  /** Links over which nothing passes, as `a>b`. */
  readonly cut = new Set<string>();
  readonly chain: TestChain;
  readonly random: () => number;
  now = 0;
  readonly #nodes: readonly Node[];
  readonly #queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  readonly #agreed = new Map<number, string>();
  readonly #signed = new Map<string, string>();
  readonly #included = new Map<string, number>();
  readonly #blocks = new Map<number, Block>();
  readonly #tss: SimulatedTss | null;
  /** Shares found wrong, as `who at height`. */
  readonly rejectedShares = new Set<string>();
  /** Own shares of which a peer said that they were wrong, as `who at height`. */
  readonly refusedShares = new Set<string>();
  /** What equivocators signed two different things for. */
  readonly signedTwice = new Set<string>();
  /** Notes heights with two blocks in `forks` and goes on, instead of throwing. */
  goesOnAfterForks = false;
  readonly forks = new Set<number>();
  readonly #equivocators: ReadonlySet<string>;
  #order = 0;

  /** `equivocators`: validators that sign everything twice, all the time. */
  constructor(
    seed: number,
    chain: TestChain = testChain(),
    tss: SimulatedTss | null = null,
    equivocators: readonly string[] = [],
  ) {
    this.#tss = tss;
    this.#equivocators = new Set(equivocators);
    this.chain = chain;
    this.random = seededRandom(seed);
    this.#nodes = chain.ids.map((id) => ({
      id,
      generation: 0,
      replica: null,
      store: null,
      files: { blocks: new MemoryFile(`${id}/blocks`), wal: new MemoryFile(`${id}/wal`) },
      fuse: new Fuse(),
    }));
  }

  get heights(): number[] {
    return this.#nodes.map(({ store }) => store?.height ?? 0);
  }

  get up(): string[] {
    return this.#nodes.filter(({ replica }) => replica !== null).map(({ id }) => id);
  }

  get includedTransactions(): number {
    return this.#included.size;
  }

  heightOf(id: string): number {
    return this.#node(id).store?.height ?? 0;
  }

  /** Block hash by height, as first committed by any node. */
  get agreedHashes(): string[] {
    return [...this.#agreed.values()];
  }

  /** The decided blocks in order. */
  get blocks(): Block[] {
    return [...this.#blocks.values()];
  }

  /** Who is known to have signed a proposal at this height. */
  proposersAt(height: number): string[] {
    return this.chain.ids.filter((id) =>
      [...this.#signed.keys()].some((key) => key.startsWith(`${id} proposal at ${height}/`)),
    );
  }

  boot(id: string): void {
    const node = this.#node(id);
    if (node.replica !== null) return;
    const generation = ++node.generation;
    node.fuse = new Fuse();
    const reopen = (file: MemoryFile): MemoryFile => new MemoryFile(file.name, file.content(), node.fuse, this.random);
    node.files = { blocks: reopen(node.files.blocks), wal: reopen(node.files.wal) };
    const { genesis, validators } = this.chain;
    const store = new BlockStore(node.files.blocks);
    const ledger = new Ledger(genesisHash(genesis));
    for (const { block } of store.open()) ledger.apply(block);
    const shares = this.#sharesOf(id);
    const replica = new Replica({
      ...(shares && { shares }),
      ...{ id, genesis, validators, store, ledger },
      sign: this.chain.sign(id),
      ...(this.#equivocators.has(id) && { equivocator: this.#equivocatorOf(id) }),
      mempool: new Mempool(),
      wal: new WriteAheadLog(node.files.wal),
      ports: {
        now: () => this.now,
        wallTime: () => 1_700_000_000_000 + this.now,
        schedule: (delayMs, callback) => {
          let isCancelled = false;
          this.#after(delayMs, () => {
            if (!isCancelled && node.generation === generation) this.#on(node, callback);
          });
          return () => (isCancelled = true);
        },
        send: (peer, message) => this.#send(id, peer, message),
        broadcast: (message) => {
          for (const peer of this.chain.ids) if (peer !== id) this.#send(id, peer, message);
        },
        log: () => undefined,
        shareRefused: (height) => this.refusedShares.add(`${id} at ${height}`),
        committed: (entry) => {
          this.#committed(entry, ledger.appHashAt(entry.block.height) ?? '');
          if (this.random() < this.weather.isolation) this.isolate(id, 1000 + this.random() * 3000);
        },
      },
    });
    node.replica = replica;
    node.store = store;
    this.#on(node, () => replica.start());
    for (const other of this.#nodes) {
      if (other === node || other.replica === null) continue;
      this.#on(node, () => node.replica?.connected(other.id));
      this.#on(other, () => other.replica?.connected(id));
    }
  }

  /** Power loss. */
  crash(id: string): void {
    const node = this.#node(id);
    if (node.replica === null) return;
    node.replica.stop();
    node.replica = null;
    node.generation += 1;
    node.files.blocks.crash();
    node.files.wal.crash();
    for (const other of this.#nodes) this.#on(other, () => other.replica?.disconnected(id));
  }

  /** Lets the node die in the middle of one of its next writes. */
  crashSoon(id: string): void {
    this.#node(id).fuse.remaining = Math.floor(this.random() * 8);
  }

  /** Ends every fault: no loss, no cuts, no crashes to come, all nodes up. */
  makePeace(): void {
    this.weather = calm;
    this.drop = () => false;
    this.cut.clear();
    for (const { fuse } of this.#nodes) fuse.remaining = Number.POSITIVE_INFINITY;
    for (const { id } of this.#nodes) this.boot(id);
  }

  /** Cuts all links of a node for a while. */
  isolate(id: string, durationMs: number): void {
    const links = this.chain.ids.flatMap((other) => [`${id}>${other}`, `${other}>${id}`]);
    for (const link of links) this.cut.add(link);
    this.#after(durationMs, () => {
      for (const link of links) this.cut.delete(link);
    });
  }

  wipe(id: string): void {
    const node = this.#node(id);
    node.files = { blocks: new MemoryFile(`${id}/blocks`), wal: new MemoryFile(`${id}/wal`) };
  }

  submit(id: string, name: string): void {
    const node = this.#node(id);
    this.#on(node, () => node.replica?.submit({ key: name, value: 'x', nonce: '' }));
  }

  every(intervalMs: number, untilMs: number, action: () => void): void {
    if (this.now + intervalMs > untilMs) return;
    this.#after(intervalMs, () => {
      action();
      this.every(intervalMs, untilMs, action);
    });
  }

  runUntil(timeMs: number): void {
    for (;;) {
      const next = this.#queue.at(-1);
      if (next === undefined || next.at > timeMs) break;
      this.#queue.pop();
      this.now = next.at;
      next.run();
    }
    this.now = timeMs;
  }

  #sharesOf(id: string): ShareCollector | null {
    if (this.#tss === null) return null;
    const { key, isOn, distort } = this.#tss;
    return new ShareCollector({
      ...{
        id,
        chainId: this.chain.genesis.chainId,
        group: new ThresholdGroup(key.group),
        secret: key.secrets[id] ?? null,
      },
      isOn: () => isOn(id),
      distort: distort?.(id) ?? null,
      rejected: (validator, height) => {
        this.rejectedShares.add(`${validator} at ${height}`);
        if (validator !== id) this.#send(id, validator, { type: 'share-rejected', height });
      },
    });
  }

  #equivocatorOf(id: string): Equivocator {
    const { ids, genesis } = this.chain;
    return new Equivocator({ id, ids, chainId: genesis.chainId, sign: this.chain.sign(id), awayMs: 0 });
  }

  #node(id: string): Node {
    const node = this.#nodes.find((candidate) => candidate.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Runs code of a node; a write that kills the process ends it there and then. */
  #on(node: Node, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof ProcessKilled)) throw error;
      this.crash(node.id);
    }
  }

  #send(from: string, to: string, message: WireMessage): void {
    this.#checkSigned(message);
    const { loss, maxDelayMs } = this.weather;
    const sort = message.type === 'vote' ? message.kind : message.type === 'proposal' ? 'proposal' : 'other';
    if (this.cut.has(`${from}>${to}`) || this.drop(from, to, message) || this.random() < loss[sort]) return;
    const node = this.#node(to);
    const { generation } = node;
    // As on a wire: the receiver shares no object with the sender.
    const copy = JSON.parse(JSON.stringify(message)) as WireMessage;
    this.#after(1 + this.random() * maxDelayMs, () => {
      if (node.generation === generation) this.#on(node, () => node.replica?.received(from, copy));
    });
  }

  #after(delayMs: number, run: () => void): void {
    const entry = { at: this.now + delayMs, order: this.#order++, run };
    // Latest first, so that the next one is at the end.
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queue[middle]?.at ?? 0) > entry.at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, entry);
  }

  #checkSigned(message: WireMessage): void {
    if (message.type !== 'vote' && message.type !== 'proposal') return;
    const { height, round, validator } = message;
    const step = message.type === 'vote' ? message.kind : 'proposal';
    const content =
      message.type === 'vote' ? String(message.block) : `${message.validRound} ${blockHash(message.block)}`;
    const key = `${validator} ${step} at ${height}/${round}`;
    const before = this.#signed.get(key) ?? content;
    if (before !== content && this.#equivocators.has(validator)) this.signedTwice.add(key);
    else if (before !== content) throw new Error(`${key}: signed both ${before} and ${content}`);
    this.#signed.set(key, content);
  }

  #committed({ block }: CommittedBlock, appHash: string): void {
    const { height } = block;
    const result = `${blockHash(block)} ${appHash}`;
    const before = this.#agreed.get(height) ?? result;
    if (before !== result) {
      if (!this.goesOnAfterForks) throw new Error(`height ${height}: committed both ${before} and ${result}`);
      this.forks.add(height);
      return;
    }
    this.#agreed.set(height, result);
    this.#blocks.set(height, block);
    for (const id of block.transactions.map(transactionId)) {
      if ((this.#included.get(id) ?? height) !== height) throw new Error(`transaction ${id} was committed twice`);
      this.#included.set(id, height);
    }
  }
}
