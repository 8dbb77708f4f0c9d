import { describe, expect, test } from 'vitest';
import { AbortedError, SpecError } from '../../../src/core/errors.ts';
import { checkMonitoringFiles, type CheckInputs } from '../../../src/topology/monitoring/check-files.ts';
import { hasProgram } from '../../helpers/programs.ts';

const absent = { promtool: 'no-such-promtool', amtool: 'no-such-amtool' };
const rule = (body: string): string => `groups:\n  - name: mine\n    rules:\n      - ${body}\n`;
const goodRules = { name: 'good.yml', content: rule('alert: A\n        expr: up == 0') };
const goodAlertmanager = 'route:\n  receiver: me\nreceivers:\n  - name: me\n';

async function problemsOf(user: Partial<CheckInputs['user']>, programs?: CheckInputs['programs']): Promise<string[]> {
  const inputs = { user: { rules: [], dashboards: [], ...user }, ...(programs && { programs }) };
  try {
    await checkMonitoringFiles(inputs);
    return [];
  } catch (error) {
    if (error instanceof SpecError) return error.message.split('\n');
    throw error;
  }
}

describe('without promtool and amtool', () => {
  test('well-formed files pass', async () => {
    const dashboards = [{ name: 'd.json', content: '{"uid":"d","title":"D"}' }];
    expect(await problemsOf({ rules: [goodRules], alertmanager: goodAlertmanager, dashboards }, absent)).toEqual([]);
  });

  test.each([
    ['groups: [', /^bad\.yml:1:10: /],
    ['rules: []', /^bad\.yml:1:1: a rule file needs a list `groups`/],
    ['groups:\n  - rules: []', /^bad\.yml:2:5: a rule group needs a `name`/],
    ['groups:\n  - name: x', /^bad\.yml:2:5: a rule group needs a list `rules`/],
    [rule('expr: up'), /^bad\.yml:4:9: a rule needs either `alert` or `record`/],
    [rule('alert: A'), /^bad\.yml:4:9: a rule needs an `expr`/],
  ])('a rule file %j is refused with its line', async (content, expected) => {
    const [first, ...others] = await problemsOf({ rules: [{ name: 'bad.yml', content }] }, absent);
    expect(first).toMatch(expected);
    expect(others).toEqual([]);
  });

  test.each([
    ['receivers: []', /^alertmanager\.yml:1:1: an Alertmanager file needs a `route`/],
    ['route: {receiver: x}', /^alertmanager\.yml:1:1: an Alertmanager file needs a list `receivers`/],
    ['route:\n  receiver: x\nreceivers:\n  - name: y\n', /^alertmanager\.yml:2:13: there is no receiver x/],
  ])('an Alertmanager file %j is refused with its line', async (alertmanager, expected) => {
    const [first] = await problemsOf({ alertmanager }, absent);
    expect(first).toMatch(expected);
  });
});

describe('dashboards', () => {
  test.each([
    ['{\n  "title": "x",\n}', /^d\.json:3:1: not valid JSON/],
    ['[]', /^d\.json:1:1: a dashboard must be a JSON object/],
    ['{"uid":"x"}', /needs a `title`/],
    ['{"title":"x"}', /needs a `uid`/],
    ['{"title":"x","uid":"seatrial-fleet"}', /the uid seatrial-fleet is that of the fleet dashboard/],
  ])('%j is refused', async (content, expected) => {
    const [first] = await problemsOf({ dashboards: [{ name: 'd.json', content }] }, absent);
    expect(first).toMatch(expected);
  });

  test('two with one uid are refused', async () => {
    const content = '{"title":"x","uid":"x"}';
    const dashboards = [
      { name: 'one.json', content },
      { name: 'two.json', content },
    ];
    expect(await problemsOf({ dashboards }, absent)).toEqual([
      'two.json:1:1: the uid x is that of one.json: change one',
    ]);
  });
});

test('all problems of all files are told at once', async () => {
  const rules = [
    { name: 'one.yml', content: 'x' },
    { name: 'two.yml', content: 'x' },
  ];
  expect(await problemsOf({ rules, alertmanager: 'x' }, absent)).toHaveLength(3);
});

test('an aborted check ends with the abortion and not with a verdict', async () => {
  const check = checkMonitoringFiles({ user: { rules: [goodRules], dashboards: [] }, signal: AbortSignal.abort() });
  await expect(check).rejects.toBeInstanceOf(AbortedError);
});

describe.skipIf(!hasProgram('promtool'))('with promtool (needs promtool)', () => {
  test('a good rule file passes', async () => {
    expect(await problemsOf({ rules: [goodRules] })).toEqual([]);
  });

  test('an expression that does not parse is refused at its line and column', async () => {
    const content = rule('alert: A\n        expr: sum(');
    expect(await problemsOf({ rules: [{ name: 'bad.yml', content }] })).toEqual([
      expect.stringMatching(/^bad\.yml:5:15: group "mine", rule 1, "A": could not parse expression/),
    ]);
  });

  test('a key that Prometheus does not know is refused at its line', async () => {
    const content = rule('alert: A\n        expr: up\n        fro: 1m');
    expect(await problemsOf({ rules: [{ name: 'bad.yml', content }] })).toEqual([
      expect.stringMatching(/^bad\.yml:6:1: field fro not found/),
    ]);
  });
});

describe.skipIf(!hasProgram('amtool'))('with amtool (needs amtool)', () => {
  test('a good file passes', async () => {
    expect(await problemsOf({ alertmanager: goodAlertmanager })).toEqual([]);
  });

  test('a key that the Alertmanager does not know is refused at its line', async () => {
    expect(await problemsOf({ alertmanager: `${goodAlertmanager}foo: 1\n` })).toEqual([
      expect.stringMatching(/^alertmanager\.yml:5:1: field foo not found/),
    ]);
  });
});
