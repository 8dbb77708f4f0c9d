import type { SlotJudge } from './node-checks.ts';
import { bad, unknown } from './verdict.ts';

/** With the scrape path broken for longer than this, a node that answers its probe is BAD all the same. */
const scrapePathLimitMs = 120_000;

/**
 * What Prometheus' reachability, its targets, `up` and the direct probe say before any metric is looked at: undefined when the metric checks
 * may decide. Must see every slot, in order.
 */
export function scrapePathJudge(node: string): SlotJudge {
  let scrapeBrokenSinceMs: number | undefined;

  return ({ reading, network, foreignTargets }) => {
    const seen = reading.nodes[node];
    const { prometheus } = reading;
    if (!seen || !prometheus) return unknown('slot-missed');
    if (prometheus.error !== undefined) return unknown('query-error', prometheus.error);
    const target = prometheus.targets[node];
    const up = target?.up;
    if (target === undefined || up === undefined) {
      return unknown('series-set-mismatch', `Prometheus has no up series of ${node}`);
    }
    const [instance, ...others] = target.instances;
    if (others.length > 0) {
      return unknown('series-set-mismatch', `Prometheus scrapes ${target.instances.join(' and ')} as ${node}`);
    }
    const expected = network.nodes.find(({ name }) => name === node)?.target;
    if (expected !== undefined && instance !== expected) {
      return unknown('series-set-mismatch', `Prometheus scrapes ${instance} as ${node}, which is ${expected}`);
    }
    if (foreignTargets.length > 0) {
      const names = foreignTargets.join(', ');
      return unknown('series-set-mismatch', `Prometheus scrapes ${names}, which the testnet does not have`);
    }
    if (up === 1) {
      scrapeBrokenSinceMs = undefined;
      if (!seen.liveness.ok && !seen.liveness.mayBeSlow)
        return bad(`Prometheus reaches ${node}, its clients do not: ${seen.liveness.error ?? ''}`);
      if (prometheus.hasOldConfig) {
        return unknown('series-set-mismatch', 'Prometheus refused its new configuration and goes on with an old one');
      }
      return undefined;
    }
    if (seen.liveness.mayBeSlow)
      return unknown('no-answer-yet', `neither Prometheus nor the probe reaches ${node} so far`);
    if (!seen.liveness.ok) return bad(`neither Prometheus nor the probe reaches ${node}`);
    scrapeBrokenSinceMs ??= reading.monoMs;
    const brokenMs = reading.monoMs - scrapeBrokenSinceMs;
    const detail = `${node} answers, but Prometheus has not reached it for ${Math.round(brokenMs / 1000)} s`;
    return brokenMs >= scrapePathLimitMs ? bad(detail) : unknown('scrape-path', detail);
  };
}
