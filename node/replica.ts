import { BlockSync, verifiedBlocks } from './block-sync.ts';
import type { BlockStore } from './block-store.ts';
import { voteBytes } from './chain.ts';
import type { Block, CommittedBlock, ConsensusMessage, Vote } from './chain.ts';
import { Consensus } from './consensus.ts';
import type { Input } from './consensus.ts';
import type { Equivocator } from './equivocator.ts';
import type { Sign } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { Log } from './log.ts';
import type { ShareCollector } from './share-collector.ts';
import type { Mempool } from './mempool.ts';
import { canonicalBody, transactionId } from './transaction.ts';
import type { Transaction } from './transaction.ts';
import type { Genesis, ValidatorSet } from './validators.ts';
import type { WireMessage } from './wire.ts';
import type { WriteAheadLog } from './write-ahead-log.ts';

/** The outside world of a replica. A time is in milliseconds from any fixed origin. */
interface ReplicaPorts {
  readonly now: () => number;
  /** Wall clock, for block times. */
  readonly wallTime: () => number;
  /** Calls back once after the delay; the result cancels it. */
  readonly schedule: (delayMs: number, callback: () => void) => () => void;
  readonly send: (peer: string, message: WireMessage) => void;
  readonly broadcast: (message: WireMessage) => void;
  readonly log: Log;
  /** A peer found this node's share for a height wrong. */
  readonly shareRefused: (height: number) => void;
  /** Called after a block is durable and executed. */
  readonly committed: (entry: CommittedBlock, isLive: boolean) => void;
}

interface ReplicaOptions {
  readonly id: string;
  readonly sign?: Sign;
  readonly genesis: Genesis;
  readonly validators: ValidatorSet;
  readonly store: BlockStore;
  readonly wal: WriteAheadLog;
  /** Already holds every block of the store. */
  readonly ledger: Ledger;
  readonly mempool: Mempool;
  /** Absent without a tss group: blocks that carry shares are then invalid. */
  readonly shares?: ShareCollector;
  /** Only in a bad release: makes it sign everything twice. */
  readonly equivocator?: Equivocator;
  readonly ports: ReplicaPorts;
}

const maxBlockTransactions = 2000;
const maxBlockBytes = 512 * 1024;
const maxAnswerBlocks = 64;
const maxAnswerBytes = 1024 * 1024;
const rememberedHeights = 64;

/** One node without sockets: consensus, catch-up, mempool gossip and the order of writes, driven by its ports alone. */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #consensus: Consensus;
  readonly #sync = new BlockSync();
  readonly #connected = new Set<string>();
  readonly #lateSigners = new Map<number, Set<string>>();
  readonly #timers = new Set<() => void>();
  #mayHaveForgotten: boolean;
  #isRecalling = false;
  #hasHeardPeers = false;
  #isStopped = false;
  #lastTick = '';

  constructor(options: ReplicaOptions) {
    this.#options = options;
    const { id, sign, genesis, validators, store, wal } = options;
    this.#consensus = new Consensus(
      {
        chainId: genesis.chainId,
        validators,
        ...(sign && { self: { id, sign } }),
        blockIntervalMs: genesis.blockIntervalMs,
        propose: (height) => this.#makeBlock(height),
        isValid: (block) => this.#isValid(block),
      },
      store.height + 1,
      wal.last(),
    );
    this.#mayHaveForgotten = wal.last() === null;
    options.shares?.advance(store.height);
  }

  get round(): number {
    return this.#consensus.round;
  }

  get isCatchingUp(): boolean {
    const { validators, id, store } = this.#options;
    const isAlone = validators.ids.every((validator) => validator === id);
    return !isAlone && (!this.#hasHeardPeers || this.#sync.bestHeight > store.height + 1);
  }

  start(): void {
    this.#startWhenReady();
    this.#tick();
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  connected(peer: string): void {
    this.#connected.add(peer);
    this.#options.ports.send(peer, this.#status(true));
    this.#sendMempool(peer);
  }

  disconnected(peer: string): void {
    this.#connected.delete(peer);
    this.#sync.lost(peer);
  }

  received(peer: string, message: WireMessage): void {
    if (this.#isStopped) return;
    switch (message.type) {
      case 'vote':
      case 'proposal':
        if (message.type === 'vote') this.#noteLateSigner(message);
        else this.#options.equivocator?.note(message);
        this.#handle({ type: 'message', message });
        return;
      case 'status':
        this.#receivedStatus(peer, message.height, message.have);
        return;
      case 'blocks-request':
        this.#sendBlocks(peer, message.from);
        return;
      case 'blocks':
        this.#receivedBlocks(peer, message.blocks);
        return;
      case 'transactions':
        this.#receivedTransactions(peer, message.transactions);
        return;
      case 'share':
        this.#options.shares?.receive(peer, message);
        return;
      case 'share-rejected':
        this.#shareRefused(message.height);
        return;
    }
  }

  /** Takes a client's transaction into the mempool and tells the peers. */
  submit(transaction: Transaction): 'added' | 'known' | 'full' {
    const outcome = this.#options.mempool.add(transaction);
    if (outcome === 'added') this.#options.ports.broadcast({ type: 'transactions', transactions: [transaction] });
    return outcome;
  }

  /** Validators known to have precommitted the block: those in its commit and, for recent heights, those heard later. */
  signersOf({ commit }: CommittedBlock): string[] {
    const signers = commit.signatures.map(({ validator }) => validator);
    return [...new Set([...signers, ...(this.#lateSigners.get(commit.height) ?? [])])];
  }

  #handle(input: Input): void {
    const { ports, wal } = this.#options;
    const { persist, broadcast, timers, decided } = this.#consensus.handle(input, ports.now());
    // Nothing signed leaves the process, and nothing is decided on it, before it is on disk.
    if (persist !== null) wal.save(persist);
    for (const message of broadcast) this.#broadcast(message);
    for (const timer of timers) this.#schedule(timer.delayMs, () => this.#handle({ type: 'timeout', timer }));
    if (decided !== null && this.#follows(decided)) this.#commit([decided], true);
  }

  /** More than a third of the power has signed twice where this is not so. What was committed stays; there is nothing to go on with. */
  #follows({ block }: CommittedBlock): boolean {
    const { ledger, ports } = this.#options;
    if (block.previousHash === ledger.tipHash) return true;
    const fields = { height: block.height, previousHash: block.previousHash, own: ledger.tipHash };
    ports.log('error', 'the others have decided on a block that does not follow the own chain', fields);
    return false;
  }

  /** A validator's share goes before its precommit: who has decided on precommits has their shares, too. */
  #broadcast(message: ConsensusMessage): void {
    const { ports, shares } = this.#options;
    if (message.type === 'vote' && message.kind === 'precommit' && message.block !== null) {
      const share = shares?.contribute(message.height, message.block);
      if (share) ports.broadcast(share);
    }
    const { equivocator } = this.#options;
    if (equivocator?.isActive(this.#connected, ports.now())) this.#sendTwice(message, equivocator);
    else ports.broadcast(message);
  }

  #sendTwice(message: ConsensusMessage, equivocator: Equivocator): void {
    const send = (): void => {
      const twin = equivocator.twinOf(message);
      for (const peer of this.#connected) {
        for (const one of equivocator.messagesFor(peer, message, twin)) this.#options.ports.send(peer, one);
      }
    };
    if (message.type === 'proposal') send();
    else this.#schedule(equivocator.holdMs, send);
  }

  #commit(entries: readonly CommittedBlock[], isLive: boolean): void {
    const { store, ledger, mempool, wal, ports } = this.#options;
    for (const entry of entries) store.append(entry);
    store.sync();
    for (const { block } of entries) {
      if (block.appHash !== ledger.appHashAt(block.height - 1)) {
        const fields = { height: block.height - 1, agreed: block.appHash, own: ledger.appHashAt(block.height - 1) };
        ports.log('error', 'own app hash differs from the agreed one', fields);
      }
      ledger.apply(block);
      for (const transaction of block.transactions) mempool.remove(transactionId(transaction));
      this.#lateSigners.delete(block.height - rememberedHeights);
    }
    wal.forgetBelow(store.height);
    this.#options.shares?.advance(store.height);
    for (const entry of entries) ports.committed(entry, isLive);
    if (isLive) this.#checkSharesInPause();
    this.#handle({ type: 'advance', height: store.height + 1 });
    ports.broadcast(this.#status(false));
    this.#startWhenReady();
  }

  /** In the pause before the next height, so that a proposal with the shares that all have heard costs no time to judge. */
  #checkSharesInPause(): void {
    const { shares, ledger, genesis } = this.#options;
    const { height, tipHash } = ledger;
    if (!shares) return;
    this.#schedule(genesis.blockIntervalMs / 2, () => {
      if (ledger.height === height) shares.evidence(height, tipHash);
    });
  }

  #schedule(delayMs: number, callback: () => void): void {
    const cancel = this.#options.ports.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      if (!this.#isStopped) callback();
    });
    this.#timers.add(cancel);
  }

  /** Where nothing moved since the last tick, compares notes with the peers: lost messages are sent again, lost blocks asked for. */
  #tick(): void {
    const { store, genesis, ports } = this.#options;
    const position = `${store.height}/${this.round}`;
    if (position === this.#lastTick) ports.broadcast(this.#status(true));
    this.#lastTick = position;
    this.#requestBlocks();
    this.#schedule(Math.min(2000, Math.max(250, 2 * genesis.blockIntervalMs)), () => this.#tick());
  }

  /** A validator signs only once it hears > 2/3 of the power and lacks none of their blocks: before that it could only do harm. */
  #startWhenReady(): void {
    const { validators, id, store } = this.#options;
    if (this.#consensus.isRunning || this.#isRecalling || this.#sync.bestHeight > store.height) return;
    const heard = new Set([id, ...this.#sync.peers()]);
    const power = [...heard].reduce((sum, peer) => sum + validators.powerOf(peer), 0);
    if (!validators.isQuorum(power)) return;
    if (this.#mayHaveForgotten && store.height > 0) this.#recall();
    else this.#handle({ type: 'start' });
  }

  /** The data may have been wiped: peers are asked for our own votes at this height, which bind us still, before the first new one. */
  #recall(): void {
    this.#mayHaveForgotten = false;
    this.#isRecalling = true;
    this.#options.ports.broadcast(this.#status(true));
    this.#schedule(2 * this.#options.genesis.blockIntervalMs, () => {
      this.#isRecalling = false;
      this.#startWhenReady();
    });
  }

  #status(withMessages: boolean): WireMessage {
    return {
      type: 'status',
      height: this.#options.store.height,
      have: withMessages ? this.#consensus.have() : null,
    };
  }

  #receivedStatus(peer: string, height: number, have: readonly string[] | null): void {
    const { store, ports } = this.#options;
    if (!this.#connected.has(peer)) return;
    this.#hasHeardPeers = true;
    this.#sync.heard(peer, height);
    this.#startWhenReady();
    // One behind is the normal race with the votes under way; more is a gap.
    if (height > store.height + 1 || (height > store.height && !this.#consensus.isRunning)) this.#requestBlocks();
    if (have === null) return;
    if (height < store.height) ports.send(peer, this.#status(false));
    if (height === store.height) for (const message of this.#consensus.lacking(have)) ports.send(peer, message);
  }

  #requestBlocks(): void {
    const { store, ports } = this.#options;
    const request = this.#sync.next(store.height, ports.now());
    if (request !== null) ports.send(request.peer, request.message);
  }

  #sendBlocks(peer: string, from: number): void {
    const { store, ports } = this.#options;
    const blocks: CommittedBlock[] = [];
    let sizeBytes = 0;
    for (let height = from; height <= store.height && blocks.length < maxAnswerBlocks; height++) {
      const entry = store.read(height);
      if (entry === null || sizeBytes > maxAnswerBytes) break;
      sizeBytes += entry.block.transactions.reduce((sum, transaction) => sum + transaction.value.length, 0);
      blocks.push(entry);
    }
    ports.send(peer, { type: 'blocks', blocks });
  }

  #receivedBlocks(peer: string, blocks: readonly CommittedBlock[]): void {
    if (!this.#sync.isAwaiting(peer)) return;
    const { genesis, validators, ledger, store } = this.#options;
    const tip = { height: ledger.height, hash: ledger.tipHash };
    const verified = verifiedBlocks(genesis.chainId, validators, tip, blocks);
    // Blocks that came by votes in the meantime say nothing against the peer.
    const isOvertaken = blocks.length > 0 && blocks.every(({ block }) => block.height <= tip.height);
    this.#sync.answered(peer, verified.length > 0 || isOvertaken);
    if (verified.length > 0) this.#commit(verified, false);
    this.#startWhenReady();
    if (verified.length > 0 && this.#sync.bestHeight > store.height) this.#requestBlocks();
  }

  #receivedTransactions(peer: string, transactions: readonly Transaction[]): void {
    const { mempool, ledger, validators, ports } = this.#options;
    const fresh = transactions.filter(
      (transaction) => !ledger.receipt(transactionId(transaction)) && mempool.add(transaction) === 'added',
    );
    // Validators tell every peer themselves; a follower may know only us.
    if (fresh.length > 0 && validators.powerOf(peer) === 0)
      ports.broadcast({ type: 'transactions', transactions: fresh });
  }

  /** Only about a share that this node can just have sent. */
  #shareRefused(height: number): void {
    const { store, ports } = this.#options;
    if (Math.abs(height - store.height) <= 2) ports.shareRefused(height);
  }

  #sendMempool(peer: string): void {
    const transactions = this.#options.mempool.oldest(maxBlockTransactions, maxAnswerBytes);
    if (transactions.length > 0) this.#options.ports.send(peer, { type: 'transactions', transactions });
  }

  #noteLateSigner(vote: Vote): void {
    const { validators, genesis, store } = this.#options;
    const commit = store.tip?.commit;
    if (vote.kind !== 'precommit' || vote.height !== commit?.height || vote.block !== commit.block) return;
    if (!validators.isSigned(vote.validator, voteBytes(genesis.chainId, vote), vote.signature)) return;
    const signers = this.#lateSigners.get(vote.height) ?? new Set();
    this.#lateSigners.set(vote.height, signers.add(vote.validator));
  }

  #makeBlock(height: number): Block {
    const { ledger, mempool, id, ports, shares } = this.#options;
    const tss = shares?.evidence(height - 1, ledger.tipHash);
    return {
      height,
      previousHash: ledger.tipHash,
      appHash: ledger.appHashAt(height - 1) ?? '',
      time: Math.max(Math.floor(ports.wallTime()), ledger.tipTime + 1),
      proposer: id,
      transactions: mempool.oldest(maxBlockTransactions, maxBlockBytes),
      ...(tss && { tss }),
    };
  }

  #isValid(block: Block): boolean {
    const { ledger, validators, shares } = this.#options;
    const ids = block.transactions.map(transactionId);
    const sizeBytes = block.transactions.reduce(
      (sum, transaction) => sum + Buffer.byteLength(canonicalBody(transaction)),
      0,
    );
    return (
      block.previousHash === ledger.tipHash &&
      block.appHash === ledger.appHashAt(block.height - 1) &&
      block.time > ledger.tipTime &&
      validators.powerOf(block.proposer) > 0 &&
      ids.length <= maxBlockTransactions &&
      sizeBytes <= maxBlockBytes &&
      new Set(ids).size === ids.length &&
      ids.every((id) => ledger.receipt(id) === undefined) &&
      (block.tss === undefined || shares?.isValid(block.height - 1, block.previousHash, block.tss) === true)
    );
  }
}
