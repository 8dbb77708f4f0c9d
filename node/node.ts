import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { apiRoutes } from './api.ts';
import type { NodeState } from './node-state.ts';
import { BlockStore } from './block-store.ts';
import type { CommittedBlock } from './chain.ts';
import { claimData } from './data-format.ts';
import { ConfigError } from './config.ts';
import type { Config } from './config.ts';
import { DiskFile } from './disk-file.ts';
import { HttpServer } from './http.ts';
import { signerOf } from './keys.ts';
import { Ledger } from './ledger.ts';
import type { Log } from './log.ts';
import { Mempool } from './mempool.ts';
import { createMetrics } from './metrics.ts';
import { Network } from './network.ts';
import { ReceiptWaiters } from './receipt-waiters.ts';
import { dataFormat, faults, version } from './release.ts';
import { Replica } from './replica.ts';
import { transactionId } from './transaction.ts';
import { TssFeature } from './tss-feature.ts';
import { genesisHash } from './validators.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

const blocksPerTurn = 500;
const stopDeadlineMs = 1000;

/** Starts a node: takes its ports, opens its store, joins its peers. The result stops it. Throws when it cannot start. */
export async function startNode(config: Config, log: Log): Promise<() => Promise<void>> {
  const { id, genesis, validators } = config;
  const startedAt = new Date().toISOString();
  const shownVersion = faults?.claimedVersion ?? version;
  const sign = config.privateKey && signerOf(config.privateKey);
  const waiters = new ReceiptWaiters();
  let state: NodeState | null = null;
  let roundsMissed = 0;
  let isStopping = false;

  const metrics = createMetrics(shownVersion, validators.ids, () => ({
    height: state?.store.height ?? 0,
    round: state?.replica.round ?? 0,
    peers: network.connectedCount,
    mempool: state?.mempool.count ?? 0,
    power: validators.powerOf(id),
    tss: tss.isOn ? 1 : 0,
  }));
  const network = new Network(
    { id, ...(sign && { sign }), chainId: genesis.chainId, version, validators },
    config.peers,
    {
      connected: (peer) => state?.replica.connected(peer),
      disconnected: (peer) => state?.replica.disconnected(peer),
      received: (peer, message) => {
        if (faults?.takesNoPart) return;
        if (faults?.delays) setTimeout(() => state?.replica.received(peer, message), faults.delays.peersMs);
        else state?.replica.received(peer, message);
      },
    },
    log,
  );
  const tss = new TssFeature(config, {
    ...{ metrics, log },
    send: (peer, message) => network.send(peer, message),
    distortShare: faults?.distortShare ?? null,
  });
  const fails = faults?.failsRequest;
  const http = new HttpServer(
    apiRoutes(() => state, waiters),
    metrics,
    {
      ...(fails && { fails: (route) => fails(route, tss.isOn) }),
      ...(faults?.delays && { delayMs: faults.delays.answersMs }),
    },
  );

  // Ports first: a second process with the same addresses must end before it can touch the store or sign.
  await http.listen(config.http);
  await network.listen(config.p2p);
  log('info', 'listening', { id, version, http: config.http, p2p: config.p2p, pid: process.pid });

  mkdirSync(config.dataFolder, { recursive: true });
  claimData(config.dataFolder, { version, format: dataFormat, refusesOldData: faults?.refusesOldData ?? false }, log);
  tss.start();
  faults?.forget?.(config.dataFolder);
  const store = new BlockStore(new DiskFile(join(config.dataFolder, 'blocks.log')));
  const ledger = new Ledger(genesisHash(genesis));
  await replay(store, ledger);
  const wal = new WriteAheadLog(new DiskFile(join(config.dataFolder, 'wal.log')));
  log('info', 'store open', { height: store.height, appHash: ledger.appHashAt(store.height) });
  ledger.distort = faults?.distortAppHash?.(store.height, id) ?? null;

  const mempool = new Mempool();
  const early = faults?.earlyAcknowledgement?.({ id, validators, mempool, height: () => store.height });
  const equivocator = sign && faults?.equivocator?.({ id, chainId: genesis.chainId, ids: validators.ids, sign });
  const committed = ({ block, commit }: CommittedBlock, isLive: boolean): void => {
    if (isLive && validators.proposer(block.height, 0) === id)
      metrics.proposed(commit.round === 0 ? 'taken' : 'missed');
    tss.committed(block);
    early?.committed();
    const { height, transactions } = block;
    const missedRounds = isLive ? commit.round : 0;
    roundsMissed += missedRounds;
    metrics.committed(transactions.length, missedRounds);
    for (const [index, transaction] of transactions.entries()) {
      waiters.committed(transactionId(transaction), { height, index });
    }
    log('debug', 'block committed', {
      height,
      round: commit.round,
      transactions: transactions.length,
      hash: commit.block,
    });
    if (missedRounds > 0) log('info', 'rounds passed without a block', { height, rounds: missedRounds });
  };
  const replica = new Replica({
    ...{ id, genesis, validators, store, wal, ledger, mempool },
    ...(sign && { sign }),
    ...(tss.shares && { shares: tss.shares }),
    ...(equivocator && { equivocator }),
    ports: {
      now: () => performance.now(),
      wallTime: () => Date.now(),
      schedule: (delayMs, callback) => {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      send: (peer, message) => network.send(peer, message),
      broadcast: (message) => network.broadcast(message),
      log,
      shareRefused: (height) => tss.refused(height),
      committed,
    },
  });
  state = {
    ...{ store, wal, ledger, mempool, replica },
    ...(early && { early }),
    isHealthy: () =>
      !faults?.neverReady &&
      !faults?.isUnwell?.(process.uptime() * 1000) &&
      !isStopping &&
      (validators.ids.length === 1 || network.connectedCount > 0),
    isStopping: () => isStopping,
    peers: () => network.peers(),
    status: () => ({
      node: id,
      version: shownVersion,
      chainId: genesis.chainId,
      height: store.height,
      hash: ledger.tipHash,
      appHash: ledger.appHashAt(store.height),
      round: replica.round,
      catchingUp: replica.isCatchingUp,
      peers: network.connectedCount,
      power: validators.powerOf(id),
      totalPower: validators.totalPower,
      mempool: mempool.count,
      startedAt,
      pid: process.pid,
      roundsMissed,
      tss: tss.status(),
    }),
  };
  network.start();
  if (!faults?.takesNoPart) replica.start();
  const stopLeak = faults?.leak?.();

  return async () => {
    isStopping = true;
    stopLeak?.();
    tss.stop();
    replica.stop();
    waiters.stop();
    await http.stop(stopDeadlineMs);
    network.stop();
    store.close();
    wal.close();
  };
}

/** Executes the stored blocks; yields to the event loop in between, so that a long chain does not silence the HTTP port. */
async function replay(store: BlockStore, ledger: Ledger): Promise<void> {
  for (const { block } of store.open()) {
    if (block.height === 1 && block.previousHash !== ledger.tipHash) {
      throw new ConfigError('the data folder belongs to another chain than the genesis file');
    }
    ledger.apply(block);
    if (block.height % blocksPerTurn === 0) await nextTurn();
  }
}
