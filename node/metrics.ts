import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What the gauges show at the moment of a scrape. */
export interface Readings {
  readonly height: number;
  readonly round: number;
  readonly peers: number;
  readonly mempool: number;
  readonly power: number;
  /** 1 while this node adds its shares. */
  readonly tss: number;
}

export interface Metrics {
  readonly registry: Registry;
  readonly committed: (transactions: number, missedRounds: number) => void;
  /** A block was committed live in the round that this node was first to propose in: its proposal was taken, or missed. */
  readonly proposed: (result: 'taken' | 'missed') => void;
  readonly share: (validator: string, result: 'accepted' | 'rejected') => void;
  readonly combined: () => void;
  /** Peers found this node's share for one more height wrong. */
  readonly shareRefused: () => void;
  readonly leaseRejected: () => void;
  readonly request: (route: string, code: number, seconds: number) => void;
}

const eventLoopSampleMs = 100;

/** All families exist from the first scrape on; counters count from this process's start. */
export function createMetrics(version: string, validators: readonly string[], read: () => Readings): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopSampleMs });
  const build = new Gauge({ name: 'refchain_build_info', help: 'Always 1', labelNames: ['version'], registers });
  build.set({ version }, 1);
  const gauge = (name: string, help: string, key: keyof Readings): void => {
    const made: Gauge = new Gauge({
      name: `refchain_${name}`,
      help,
      registers,
      collect: () => made.set(read()[key]),
    });
  };
  gauge('height', 'Highest block committed on this node', 'height');
  gauge('round', 'Current consensus round', 'round');
  gauge('peers', 'Connected peers', 'peers');
  gauge('mempool_transactions', 'Transactions waiting for a block', 'mempool');
  gauge('validator_power', 'Voting power of this node, 0 for a follower', 'power');
  gauge('tss_enabled', '1 while this node is to sign threshold signature shares', 'tss');
  const counter = (name: string, help: string) => new Counter({ name: `refchain_${name}_total`, help, registers });
  const blocks = counter('blocks_committed', 'Blocks committed');
  const transactions = counter('transactions_committed', 'Transactions committed');
  const missed = counter('rounds_missed', 'Rounds that ended without a block');
  const proposals = new Counter({
    name: 'refchain_proposals_total',
    help: "Heights that were this node's to propose first, by whether a block came of it at once",
    labelNames: ['result'],
    registers,
  });
  for (const result of ['taken', 'missed']) proposals.inc({ result }, 0);
  const shares = new Counter({
    name: 'refchain_tss_shares_total',
    help: 'Threshold signature shares: accepted in committed blocks, or rejected by this node',
    labelNames: ['validator', 'result'],
    registers,
  });
  for (const validator of validators) {
    for (const result of ['accepted', 'rejected']) shares.inc({ validator, result }, 0);
  }
  const combined = counter('tss_combined', 'Committed blocks with a combined threshold signature');
  const refused = counter('tss_own_shares_rejected', 'Heights at which peers found the share of this node wrong');
  const leases = counter('tss_leases_rejected', 'Malformed leases removed');
  const labelNames = ['route', 'code'] as const;
  const requests = new Counter({ name: 'refchain_http_requests_total', help: 'HTTP requests', labelNames, registers });
  const durations = new Histogram({
    name: 'refchain_http_request_duration_seconds',
    help: 'Time from request to response',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  requests.inc({ route: '/metrics', code: 200 }, 0);
  return {
    registry,
    committed: (count, missedRounds) => {
      blocks.inc();
      transactions.inc(count);
      missed.inc(missedRounds);
    },
    proposed: (result) => proposals.inc({ result }),
    share: (validator, result) => shares.inc({ validator, result }),
    combined: () => combined.inc(),
    shareRefused: () => refused.inc(),
    leaseRejected: () => leases.inc(),
    request: (route, code, seconds) => {
      requests.inc({ route, code });
      durations.observe(seconds);
    },
  };
}
