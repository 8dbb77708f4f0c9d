import { expect, test } from 'vitest';
import { lintChecks } from '../../../../src/gates/lint/lint-checks.ts';
import { lintWritten, requireSoundGates } from '../../../../src/gates/lint/lint-gates.ts';
import type { GateCheck, RatioCondition, SystemProfile } from '../../../../src/spec/profile.ts';
import { gateWorld } from '../../../helpers/gate-world.ts';

const { profile: sound, topology } = await gateWorld();
const ratio: RatioCondition = {
  kind: 'ratio',
  bad: { metric: 'requests_total', labels: { code: '500' } },
  total: { metric: 'requests_total' },
  max: 0.1,
};
const check = (condition: unknown, more: object = {}): GateCheck =>
  ({ name: 'own', source: 'direct', condition, ...more }) as GateCheck;

function found(profile: Partial<SystemProfile>): string[] {
  return lintChecks({ ...sound, ...profile }).map(({ level, where, text }) => `${level}: ${where}: ${text}`);
}

test('sound checks give no finding', () => {
  const checks = [
    check(ratio),
    check({ kind: 'value', metric: { metric: 'queue' }, max: 5 }, { name: 'queue' }),
    check({ kind: 'quantile', histogram: { metric: 'latency' }, quantile: 0.99, max: 1 }, { name: 'slow' }),
    check({ kind: 'alerts', severities: ['critical'] }, { name: 'alerts', source: 'alerts' }),
    check({ kind: 'json', port: 'http', path: '/x', pointer: '/y', min: 1 }, { name: 'json', source: 'json' }),
  ];
  expect(found({ checks, logErrors: { matches: '"level":"error"', maxPerWindow: 3 } })).toEqual([]);
});

test.each<[string, GateCheck[], string]>([
  [
    'two checks of one name',
    [check(ratio), check(ratio)],
    'error: check own: another check has the same name, so that nobody can tell them apart',
  ],
  [
    'the name of a gate’s own check',
    [check(ratio, { name: 'peers' })],
    'error: check peers: gates have a check of this name on every system',
  ],
  [
    'a value without a limit',
    [check({ kind: 'value', metric: { metric: 'queue' } })],
    'error: check own: it has no limit that a value could pass',
  ],
  [
    'a value with an infinite limit',
    [check({ kind: 'value', metric: { metric: 'queue' }, max: Infinity })],
    'error: check own: it has no limit that a value could pass',
  ],
  [
    'limits that leave nothing',
    [check({ kind: 'value', metric: { metric: 'queue' }, min: 3, max: 2 })],
    'error: check own: no value is good: at least 3 and at most 2',
  ],
  [
    'a ratio that may be one',
    [check({ ...ratio, max: 1 })],
    'error: check own: a ratio is never above 1: the limit must be from 0 to below 1',
  ],
  [
    'a ratio of one thing to itself',
    [check({ ...ratio, bad: ratio.total })],
    'error: check own: bad and total are the same, so that everything is bad',
  ],
  [
    'bad events that are not in total',
    [check({ ...ratio, total: { metric: 'requests_total', labels: { code: { matches: '[234]..' } } } })],
    'error: check own: bad is no part of total: code="500" is not among what total counts',
  ],
  [
    'a pattern that is none',
    [check({ ...ratio, bad: { metric: 'requests_total', labels: { code: { matches: '5(' } } } })],
    'error: check own: the pattern of code cannot be read: ',
  ],
  [
    'a metric that could not be one',
    [check({ kind: 'value', metric: { metric: 'queue length' }, max: 1 })],
    'error: check own: "queue length" is no metric name',
  ],
  [
    'a quantile that is none',
    [check({ kind: 'quantile', histogram: { metric: 'latency' }, quantile: 99, max: 1 })],
    'error: check own: the quantile 99 is not between 0 and 1',
  ],
  [
    'an alert check about nothing',
    [check({ kind: 'alerts' }, { source: 'alerts' })],
    'error: check own: it names neither alerts nor severities',
  ],
  [
    'nothing but advice',
    [check(ratio, { advisory: true })],
    'warning: checks: all are advisory: none of the system’s own checks can fail a gate',
  ],
])('%s is found', (_what, checks, text) => {
  const findings = found({ checks });
  expect(findings).toHaveLength(1);
  expect(findings[0]).toContain(text);
});

test.each([
  [{ matches: '', maxPerWindow: 1 }, 'its pattern // matches every line'],
  [{ matches: '[', maxPerWindow: 1 }, 'its pattern cannot be read'],
  [{ matches: 'error', maxPerWindow: Infinity }, 'it has no limit that a number of lines could pass'],
])('a log check that says nothing is found: %o', (logErrors, text) => {
  const findings = found({ checks: [], logErrors });
  expect(findings).toHaveLength(1);
  expect(findings[0]).toContain(`error: check log-errors: ${text}`);
});

const rule = (expr: string, more = ''): Record<string, string> => ({
  'own.yml': `groups:\n  - name: own\n    rules:\n      - alert: Own\n        expr: ${JSON.stringify(expr)}\n${more}`,
});

test.each([
  ['rate(errors_total[1m]) > 0.1 or vector(0)', '`or vector(0)` makes missing data look like a good value'],
  ['sum(rate(errors_total[1m])) OR on() vector(0)', '`or vector(0)` makes missing data look like a good value'],
  ['up{job="nodes"} > 1', 'it can never fire: up is 0 or 1 and never > 1'],
  ['up < 0', 'it can never fire: up is 0 or 1 and never < 0'],
])('the rule %s is found, in the user’s own file too', (expression, text) => {
  expect(lintWritten({ ...sound, checks: [] }, { gate: 'standard', rules: rule(expression) })).toEqual([
    { level: 'error', where: 'own.yml: alert Own', text },
  ]);
});

test.each(['up == 0', 'vector(1)', 'x{a="or vector(0)"} > 1', 'count(up) < 3 or absent(up)', 'x or vector(1)'])(
  'the rule %s is sound',
  (expression) => {
    expect(lintWritten({ ...sound, checks: [] }, { gate: 'standard', rules: rule(expression) })).toEqual([]);
  },
);

test('an alert that a gate asks for by name and that outlasts its window can never fail it', () => {
  const checks = [check({ kind: 'alerts', names: ['Own'] }, { source: 'alerts' })];
  const rules = rule('up == 0', '        for: 10m\n');
  const text = 'it fires after 600 s, and the window of the gate standard is 300 s';
  expect(lintWritten({ ...sound, checks }, { gate: 'standard', rules })).toEqual([
    { level: 'error', where: 'own.yml: alert Own', text },
  ]);
  expect(lintWritten({ ...sound, checks }, { gate: 'soak', rules })).toEqual([]);
  expect(lintWritten({ ...sound, checks }, { gate: 'smoke', rules })).toMatchObject([{ level: 'warning' }]);
});

test('a plan with an unsound gate is the author’s error, with every finding', () => {
  const checks = [check({ ...ratio, max: 2 }), check(ratio)];
  expect(() => requireSoundGates({ ...sound, checks }, topology)).toThrow(
    expect.objectContaining({
      code: 'spec',
      message: expect.stringMatching(/own: a ratio is never above 2.*\n.*another check has the same name/) as string,
    }) as Error,
  );
  expect(() => requireSoundGates(sound, topology)).not.toThrow();
});

test('a profile’s own alert rules are looked at before there is a testnet', () => {
  const alertRules = rule('errors > 1 or vector(0)')['own.yml'] ?? '';
  const findings = lintWritten({ ...sound, checks: [], alertRules }, { gate: 'standard' });
  expect(findings).toMatchObject([{ level: 'error', where: 'system-scripted.rules.yml: alert Own' }]);
});
