import type { AlertCondition, GateCheck } from '../../spec/profile.ts';
import { selectorsOf } from '../metric-selector.ts';
import { editRules, firing } from './alert-rules.ts';
import { NotMakeable, type BadWorld, type Call, type HttpAnswer, type Tampering } from './bad-world.ts';
import type { WorldsInputs } from './worlds-inputs.ts';
import { withJsonValue } from './json-value.ts';
import { errorBurst, slowedDown, valueBeyond, withValue } from './series-burst.ts';

/** The bad worlds of a profile's own checks: each one's harm, and all the ways in which its data can go missing. */
export function profileWorlds({ topology, profile }: WorldsInputs, checks: readonly GateCheck[]): BadWorld[] {
  const nodes = topology.nodes.map(({ name }) => name);
  const world = (
    name: string,
    title: string,
    kind: BadWorld['kind'],
    about: readonly GateCheck[],
    tampering: Tampering,
  ): BadWorld => {
    const names = about.map((check) => check.name);
    return { name, title, kind, checks: names, nodes, allowanceMs: 0, tampering: () => tampering };
  };
  const { metrics } = profile;
  const from = (...sources: GateCheck['source'][]): GateCheck[] =>
    checks.filter(({ source }) => sources.includes(source));
  const stored = from('prometheus');
  const judged = new Set(checks.flatMap(selectorsOf).map(({ metric }) => metric));
  return [
    ...checks.flatMap((check) =>
      harmOf(check, nodes, topology.testnet).map(({ name, title, ...tampering }) =>
        world(`${name}/${check.name}`, title, 'harm', [check], tampering),
      ),
    ),
    ...from('direct', 'prometheus').map((check) =>
      world(`metrics-lost/${check.name}`, 'the metrics that it looks at are gone', 'blind', [check], {
        lostMetrics: new Set(selectorsOf(check).map(({ metric }) => metric)),
      }),
    ),
    ...from('json').map((check) =>
      world(`answer-lost/${check.name}`, 'the answer that it looks at does not come', 'blind', [check], {
        isRefused: (call) => check.source === 'json' && isAsked(call, check.condition),
      }),
    ),
    world('not-a-number', 'every metric that a check looks at is NaN', 'blind', from('direct', 'prometheus'), {
      samples: (real) => real.map((sample) => (judged.has(sample.name) ? { ...sample, value: 'NaN' } : sample)),
    }),
    world('exporter-killed', 'the metrics page of the nodes does not answer', 'blind', from('direct'), {
      isRefused: (call) => metrics !== undefined && isAsked(call, metrics),
    }),
    world('scrape-failed', 'Prometheus does not reach the nodes', 'blind', stored, { up: 0 }),
    world('not-scraped', 'Prometheus does not know the nodes', 'blind', stored, { up: 'absent' }),
    world('prometheus-gone', 'Prometheus does not answer', 'blind', from('prometheus', 'alerts'), {
      isRefused: ({ asks }) => asks.kind === 'prometheus',
    }),
    world('prometheus-empty', 'Prometheus has lost all series', 'blind', stored, {
      answer: ({ asks, url }, answer) =>
        asks.kind === 'prometheus' && url.pathname === '/api/v1/query' ? emptied(answer) : answer,
    }),
    world('samples-stale', 'what Prometheus holds of the nodes is an hour old', 'blind', stored, { agedMs: 3_600_000 }),
    world('watchdog-silent', 'the Watchdog alert does not fire', 'blind', from('alerts'), {
      answer: (call, answer) =>
        isRules(call) ? editRules(answer, (rule) => (rule.name === 'Watchdog' ? undefined : rule)) : answer,
    }),
    world('rules-stale', 'the rules have not been evaluated for an hour', 'blind', from('alerts'), {
      answer: (call, answer) => (isRules(call) ? editRules(answer, anHourOlder) : answer),
    }),
    world('rules-gone', 'Prometheus has lost its rules', 'blind', from('alerts'), {
      answer: (call, answer) => (isRules(call) ? editRules(answer, () => undefined) : answer),
    }),
  ];
}

function emptied(answer: HttpAnswer): HttpAnswer {
  const body = JSON.parse(answer.text) as { data?: { resultType?: string; result?: unknown } };
  if (body.data?.resultType !== 'matrix') return answer;
  return { ...answer, text: JSON.stringify({ ...body, data: { ...body.data, result: [] } }) };
}

interface Harm extends Tampering {
  name: string;
  title: string;
}

function harmOf({ condition, source }: GateCheck, nodes: readonly string[], testnet: string): Harm[] {
  switch (condition.kind) {
    case 'ratio': {
      const samples: Tampering['samples'] = (real, { slot }) => errorBurst(condition, real, slot);
      const title = 'almost everything that happens is an error';
      return [{ name: 'error-burst', title, samples, isPageOnly: source === 'direct' }];
    }
    case 'quantile': {
      const samples: Tampering['samples'] = (real, { slot }) => slowedDown(condition, real, slot);
      const title = 'almost everything takes longer than the largest bucket';
      return [{ name: 'slow', title, samples, isPageOnly: source === 'direct' }];
    }
    case 'value':
      return beyondLimits(condition, (value) => ({
        samples: (real) => withValue(condition, real, value),
        isPageOnly: source === 'direct',
      }));
    case 'json':
      return beyondLimits(condition, (value) => ({
        answer: (call, answer) => (isAsked(call, condition) ? withJsonValue(answer, condition.pointer, value) : answer),
      }));
    case 'alerts':
      return alertHarm(condition, nodes, testnet);
  }
}

function beyondLimits({ min, max }: { min?: number; max?: number }, tampering: (value: number) => Tampering): Harm[] {
  const above = valueBeyond(max, 'above');
  const below = valueBeyond(min, 'below');
  const title = (value: number): string => `the value is ${value}`;
  return [
    ...(above === undefined ? [] : [{ name: 'value-above', title: title(above), ...tampering(above) }]),
    ...(below === undefined ? [] : [{ name: 'value-below', title: title(below), ...tampering(below) }]),
  ];
}

/** Each alert that is named, or one of the severities, fires in a world of its own: one that is not loaded cannot. */
function alertHarm({ names = [], severities = [] }: AlertCondition, nodes: readonly string[], testnet: string): Harm[] {
  const fires = (
    what: string,
    isMeant: (rule: { name: string; labels?: Record<string, string> }) => boolean,
  ): Harm => ({
    name: `alert-firing(${what})`,
    title: `the alert ${what} fires for every node`,
    answer: (call, answer) => {
      if (!isRules(call)) return answer;
      let isThere = false;
      const edited = editRules(answer, (rule) => {
        if (rule.type !== 'alerting' || rule.name === 'Watchdog' || !isMeant(rule)) return rule;
        isThere = true;
        return firing(rule, nodes, testnet);
      });
      if (!isThere) throw new NotMakeable(`Prometheus has no rule for an alert ${what}`);
      return edited;
    },
  });
  return [
    ...names.map((name) => fires(name, (rule) => rule.name === name)),
    ...severities.map((severity) => fires(`severity=${severity}`, ({ labels }) => labels?.['severity'] === severity)),
  ];
}

function isAsked({ asks, url }: Call, { port, path }: { port: string; path: string }): boolean {
  return asks.kind === 'node' && asks.port === port && url.pathname + url.search === path;
}

function isRules({ asks, url }: Call): boolean {
  return asks.kind === 'prometheus' && url.pathname === '/api/v1/rules';
}

function anHourOlder<T extends { lastEvaluation?: string }>(rule: T): T {
  if (rule.lastEvaluation === undefined) return rule;
  return { ...rule, lastEvaluation: new Date(Date.parse(rule.lastEvaluation) - 3_600_000).toISOString() };
}
