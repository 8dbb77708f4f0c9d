import { messageOf } from '../../core/errors.ts';
import { didYouMean, nearest } from '../../core/nearest.ts';
import type { GateCheck, MetricSelector, RatioCondition } from '../../spec/profile.ts';
import { alertRules } from '../alert-rules.ts';
import { selectorsOf, selectorTest } from '../metric-selector.ts';
import { createProbeClient } from '../probe-client.ts';
import { NotMakeable } from '../prove/bad-world.ts';
import { withJsonValue } from '../prove/json-value.ts';
import { errorBurst } from '../prove/series-burst.ts';
import { askPrometheus, exposedByNodes, expressionError, namesInPrometheus } from './exposed.ts';
import type { Exposed, LookOptions, PrometheusLook } from './exposed.ts';
import { metricsOf } from './expression.ts';
import { error, warning, type Finding } from './finding.ts';
import { writtenRules } from './lint-rules.ts';
import { selectorText } from './selector-text.ts';

export interface LintRunningOptions extends LookOptions {
  prometheusUrl?: string | undefined;
}

/** Checks and rules against what the running testnet really exposes. What could not be looked at is a warning, not silence. */
export async function lintRunning(options: LintRunningOptions): Promise<Finding[]> {
  const { profile, prometheusUrl, transport, signal } = options;
  const exposed = await exposedByNodes(options);
  const unread = exposed.failures.map((text) => warning('metrics', `a page could not be read, of ${text}`));
  const findings = [...unread];
  if (exposed.samples.length > 0) {
    findings.push(...profile.checks.flatMap((check) => lintSelections(check, exposed)));
  }
  findings.push(...(await lintJson(options)), ...(await lintLog(options)));
  if (prometheusUrl === undefined) return findings;
  const look: PrometheusLook = { baseUrl: prometheusUrl, transport, signal };
  try {
    findings.push(...(await lintLoaded(options, look)), ...(await lintAlertChecks(options, look)));
  } catch (cause) {
    findings.push(warning('Prometheus', `it could not be asked, so that rules were not compared: ${messageOf(cause)}`));
  }
  return findings;
}

function lintSelections(check: GateCheck, exposed: Exposed): Finding[] {
  const where = `check ${check.name}`;
  const { condition } = check;
  const selectors = selectorsOf(check);
  const unknown = selectors.flatMap(({ metric }) => {
    if (exposed.names.has(metric)) return [];
    const hit = nearest(metric, exposed.names);
    return [error(where, `no node exposes ${metric}${hit === undefined ? '' : `; did you mean ${hit}?`}`)];
  });
  if (unknown.length > 0) return unique(unknown);
  const labels = selectors.flatMap((selector) => lintLabels(selector, exposed, where));
  if (labels.length > 0) return unique(labels);
  if (condition.kind === 'ratio') return lintLiveRatio(condition, exposed, where);
  return selectors
    .filter((selector) => !exposed.samples.some(selectorTest(selector)))
    .map((selector) => error(where, `${selectorText(selector)} selects nothing of what the nodes expose`));
}

function lintLabels({ metric, labels = {} }: MetricSelector, { samples }: Exposed, where: string): Finding[] {
  const family = samples.filter(({ name }) => name === metric);
  if (family.length === 0) return [];
  const known = new Set(family.flatMap((sample) => Object.keys(sample.labels)));
  return Object.keys(labels)
    .filter((label) => !known.has(label))
    .map((label) => error(where, `no series of ${metric} has a label ${label}${didYouMean(label, known)}`));
}

/** That nothing bad was counted yet is as it should be; that nothing ever could be is not. */
function lintLiveRatio(condition: RatioCondition, { samples }: Exposed, where: string): Finding[] {
  const { bad, total } = condition;
  const [isBad, isTotal] = [selectorTest(bad), selectorTest(total)];
  if (samples.some(({ name }) => name === total.metric) && !samples.some(isTotal)) {
    return [error(where, `${selectorText(total)} selects nothing of what the nodes expose`)];
  }
  const outside = bad.metric === total.metric && samples.find((sample) => isBad(sample) && !isTotal(sample));
  if (outside) {
    const labels = Object.entries(outside.labels).map(([label, value]) => `${label}="${value}"`);
    return [error(where, `bad is no part of total: {${labels.join(',')}} is counted as bad and not in total`)];
  }
  if (samples.every(({ name }) => name !== bad.metric)) return [];
  try {
    errorBurst(condition, samples, 0);
    return [];
  } catch (cause) {
    if (!(cause instanceof NotMakeable)) throw cause;
    return [error(where, `it can find nothing bad: ${cause.message}`)];
  }
}

async function lintJson(options: LookOptions): Promise<Finding[]> {
  const { topology, profile, lab, transport, signal } = options;
  const [node] = topology.nodes;
  if (!node) return [];
  const client = createProbeClient({ baseUrl: (port) => lab.endpoint(node, port), transport, signal });
  const found = profile.checks.map(async (check): Promise<Finding[]> => {
    if (check.source !== 'json') return [];
    const { port, path, pointer } = check.condition;
    const where = `check ${check.name}`;
    try {
      withJsonValue({ status: 200, text: await client.getText(port, path) }, pointer, 0);
      return [];
    } catch (cause) {
      if (cause instanceof NotMakeable) return [error(where, `${path} of ${node.name}: ${cause.message}`)];
      return [warning(where, `${path} of ${node.name} could not be read: ${messageOf(cause)}`)];
    }
  });
  return (await Promise.all(found)).flat();
}

/** A pattern that takes the everyday for errors fails every gate, or is given a limit that hides them. */
async function lintLog({ topology, profile, lab, signal }: LookOptions): Promise<Finding[]> {
  const [node] = topology.nodes;
  if (!node || !profile.logErrors) return [];
  const where = 'check log-errors';
  const pattern = new RegExp(profile.logErrors.matches);
  try {
    const lines = await lab.logs(node, { tail: 200, signal });
    const hits = lines.filter(({ text }) => pattern.test(text)).length;
    if (lines.length < 10 || hits * 2 < lines.length) return [];
    return [warning(where, `its pattern takes ${hits} of the newest ${lines.length} lines of ${node.name} for errors`)];
  } catch (cause) {
    return [warning(where, `the log of ${node.name} could not be read: ${messageOf(cause)}`)];
  }
}

/** Rules whose data nobody delivers, or that Prometheus cannot evaluate. */
async function lintLoaded({ topology }: LookOptions, look: PrometheusLook): Promise<Finding[]> {
  const rules = writtenRules(topology.monitoring?.rules ?? {});
  const names = await namesInPrometheus(look);
  for (const { kind, name } of rules) if (kind === 'record') names.add(name);
  const found = rules.map(async ({ where, kind, expression }): Promise<Finding[]> => {
    const why = await expressionError(look, expression);
    if (why !== undefined) return [error(where, `Prometheus cannot evaluate it: ${why}`)];
    const missing = metricsOf(expression).filter((metric) => !names.has(metric));
    return missing.map((metric) => {
      const hit = nearest(metric, names);
      const known = hit === undefined ? '' : `; did you mean ${hit}?`;
      return error(where, `${kind === 'alert' ? 'it can never fire: ' : ''}nobody exposes ${metric}${known}`);
    });
  });
  return (await Promise.all(found)).flat();
}

async function lintAlertChecks({ topology, profile }: LookOptions, look: PrometheusLook): Promise<Finding[]> {
  const checks = profile.checks.filter((check) => check.source === 'alerts');
  if (checks.length === 0) return [];
  const loaded = alertRules(await askPrometheus(look, '/api/v1/rules?type=alert'), topology.testnet, () => true);
  const names = new Set(loaded.map(({ name }) => name));
  const severities = new Set(loaded.flatMap(({ severity }) => severity ?? []));
  return checks.flatMap(({ name, condition }) => [
    ...(condition.names ?? [])
      .filter((alert) => !names.has(alert))
      .map((alert) => error(`check ${name}`, `Prometheus has no alert ${alert}${didYouMean(alert, names)}`)),
    ...(condition.severities ?? [])
      .filter((severity) => !severities.has(severity))
      .map((one) => error(`check ${name}`, `Prometheus has no alert of severity ${one}${didYouMean(one, severities)}`)),
  ]);
}

function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [finding.text, finding])).values()];
}
