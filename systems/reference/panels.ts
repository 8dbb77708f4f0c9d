import type { SystemProfile } from '../../src/index.ts';

const nodes = 'job="nodes",testnet="$testnet",node=~"$node"';
const rate = '[$__rate_interval]';
const requests = `sum by (node) (rate(refchain_http_requests_total{${nodes}}${rate}))`;
const failedRequests = `sum by (node) (rate(refchain_http_requests_total{${nodes},code=~"5.."}${rate}))`;
const latencyBuckets = `sum by (node, le) (rate(refchain_http_request_duration_seconds_bucket{${nodes}}${rate}))`;

/** What the fleet dashboard shows of the reference chain, beyond what it shows of every system. */
export const panels: NonNullable<SystemProfile['panels']> = [
  { title: 'Height', unit: 'none', query: `refchain_height{${nodes}}`, legend: '{{node}}' },
  {
    title: 'Height spread',
    unit: 'none',
    query: `max(refchain_height{${nodes}}) - min(refchain_height{${nodes}})`,
    legend: 'highest − lowest',
  },
  {
    title: 'Version',
    unit: 'none',
    query: `sum by (node, version) (refchain_build_info{${nodes}})`,
    legend: '{{node}} {{version}}',
  },
  {
    title: 'Blocks per second',
    unit: 'short',
    query: `rate(refchain_blocks_committed_total{${nodes}}${rate})`,
    legend: '{{node}}',
  },
  {
    title: 'Transactions per second',
    unit: 'short',
    query: `rate(refchain_transactions_committed_total{${nodes}}${rate})`,
    legend: '{{node}}',
  },
  {
    title: 'Mempool',
    unit: 'none',
    query: `refchain_mempool_transactions{${nodes}}`,
    legend: '{{node}}',
  },
  { title: 'Peers', unit: 'none', query: `refchain_peers{${nodes}}`, legend: '{{node}}' },
  { title: 'Round', unit: 'none', query: `refchain_round{${nodes}}`, legend: '{{node}}' },
  {
    title: 'Missed rounds per minute',
    unit: 'short',
    query: `60 * rate(refchain_rounds_missed_total{${nodes}}${rate})`,
    legend: '{{node}}',
  },
  {
    // A share of nothing but successes is 0, not missing: the failed requests' series exist only once one has failed.
    title: 'HTTP errors',
    unit: 'percentunit',
    query: `(${failedRequests} or 0 * ${requests}) / ${requests}`,
    legend: '{{node}}',
  },
  {
    title: 'HTTP latency, 95 %',
    unit: 's',
    query: `histogram_quantile(0.95, ${latencyBuckets})`,
    legend: '{{node}}',
  },
  {
    title: 'Voting power',
    unit: 'none',
    query: `refchain_validator_power{${nodes}}`,
    legend: '{{node}}',
  },
];
