import type { AlertCheck } from '../spec/profile.ts';
import { watchdogAlert } from '../topology/monitoring/services.ts';
import { isNamed } from './alert-rules.ts';
import type { SlotJudge } from './node-checks.ts';
import { NodeStart } from './node-start.ts';
import type { AlertRule, PrometheusReading } from './readings.ts';
import { scrapePathJudge } from './scrape-path.ts';
import { bad, unknown, type Sample } from './verdict.ts';

/** A Prometheus that started less than this ago may still be holding back what fired before. */
const restoreGraceMs = 600_000;
/** A group that missed this many of its rounds is not evaluated any more. */
const missedRounds = 3;

/** `isScraped`: nodes are Prometheus' targets; where they are not, alerts can only be about something else. */
export function alertJudge(node: string, { condition }: AlertCheck, isScraped: boolean): SlotJudge {
  const judgePath = scrapePathJudge(node);
  const start = new NodeStart();

  return (facts) => {
    const { reading } = facts;
    const seen = reading.nodes[node];
    const { prometheus } = reading;
    const blocked = isScraped ? judgePath(facts) : undefined;
    const runs = seen && start.see(seen, reading);
    if (blocked) return blocked;
    if (!prometheus) return unknown('slot-missed');
    if (prometheus.error !== undefined) return unknown('query-error', prometheus.error);
    if (!prometheus.rules) return unknown('slot-missed');
    if (!prometheus.rules.ok) return unknown('query-error', prometheus.rules.error);
    const rules = prometheus.rules.value;
    const nowMs = reading.atMs + prometheus.clockAheadMs;
    const blind = watchdogSilent(rules, nowMs) ?? missing(rules);
    if (blind) return blind;
    let doubt: Sample | undefined;
    for (const rule of rules) {
      if (!isNamed(condition, rule)) continue;
      const mine = rule.alerts.filter((alert) => alert.node === undefined || alert.node === node);
      const ruleDoubt =
        ruleStale(rule, nowMs) ??
        (runs && nowMs - rule.evaluatedAtMs > runs.ageMs
          ? unknown('stale', `${rule.name} was evaluated before ${node} started`)
          : heldBack(rule, mine, prometheus, nowMs));
      doubt ??= ruleDoubt;
      const firing = ruleDoubt ? undefined : mine.find(({ state }) => state === 'firing');
      if (firing)
        return bad(`the alert ${rule.name} fires${firing.summary === undefined ? '' : `: ${firing.summary}`}`);
    }
    return doubt ?? { state: 'OK' };
  };

  function missing(rules: readonly AlertRule[]): Sample | undefined {
    const absent = (condition.names ?? []).filter((name) => rules.every((rule) => rule.name !== name));
    if (absent.length > 0) return unknown('vacuous', `Prometheus has no alert ${absent.join(', ')}`);
    if (rules.some((rule) => isNamed(condition, rule))) return undefined;
    return unknown('vacuous', `Prometheus has no alert of severity ${(condition.severities ?? []).join(', ')}`);
  }
}

function watchdogSilent(rules: readonly AlertRule[], nowMs: number): Sample | undefined {
  const watchdog = rules.find(({ name }) => name === watchdogAlert);
  if (!watchdog) return unknown('rule-stale', `Prometheus has no alert ${watchdogAlert}`);
  const stale = ruleStale(watchdog, nowMs);
  if (stale) return stale;
  const isFiring = watchdog.alerts.some(({ state }) => state === 'firing');
  return isFiring ? undefined : unknown('rule-stale', `the alert ${watchdogAlert} does not fire`);
}

function ruleStale(
  { name, health, lastError, evaluatedAtMs, intervalMs }: AlertRule,
  nowMs: number,
): Sample | undefined {
  if (health === 'err') return unknown('query-error', `the rule ${name} fails: ${lastError ?? 'unknown'}`);
  if (health !== 'ok') return unknown('rule-stale', `the rule ${name} was never evaluated`);
  const ageMs = nowMs - evaluatedAtMs;
  if (ageMs <= missedRounds * intervalMs + 1000) return undefined;
  return unknown('rule-stale', `the rule ${name} was last evaluated ${Math.round(ageMs / 1000)} s ago`);
}

/** After its own restart Prometheus lets what had fired wait anew; until then pending may mean firing. */
function heldBack(
  { name, forMs }: AlertRule,
  alerts: AlertRule['alerts'],
  { ownStartedAtMs }: PrometheusReading,
  nowMs: number,
): Sample | undefined {
  if (ownStartedAtMs === undefined || nowMs - ownStartedAtMs > forMs + restoreGraceMs) return undefined;
  if (alerts.every(({ state }) => state !== 'pending')) return undefined;
  return unknown('rule-stale', `${name} is pending since Prometheus' own restart`);
}
