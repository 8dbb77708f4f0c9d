import { expect, test } from 'vitest';
import { createContractCheck, type ContractVerdict } from '../../../../src/gates/contract/contract-check.ts';
import { gateWorld } from '../../../helpers/gate-world.ts';

const page = (requests: number): string =>
  `# TYPE height gauge\nheight 1\n# TYPE requests_total counter\nrequests_total{code="200"} ${requests}\n`;
const quiet = '# TYPE height gauge\nheight 1\n';

/** A node with this page before its change and that one after; `later` comes a while after. */
async function judge(before: string[], after: string[]): Promise<{ verdict: ContractVerdict; tookMs: number }> {
  const world = await gateWorld();
  const node = world.node('node-1');
  const pages = [...before];
  const transport: typeof world.transport = async (request) => {
    if (!request.url.endsWith('/metrics')) return world.transport(request);
    const text = pages.length > 1 ? pages.shift() : pages[0];
    if (text === '') throw new Error('ECONNREFUSED');
    return { status: 200, text: text ?? '' };
  };
  const { lab, profile, clock } = world;
  const check = createContractCheck({ lab, profile, transport, clock });
  await world.until(check.before(node));
  await world.replace('node-1', '1.1.0');
  pages.splice(0, pages.length, ...after);
  const startedMs = clock.monotonicMs();
  const verdict = await world.until(check.after(node));
  return { verdict, tookMs: clock.monotonicMs() - startedMs };
}

test('a node that exposes what it exposed before passes at once', async () => {
  const { verdict, tookMs } = await judge([page(1), page(2)], [page(1)]);
  expect(verdict).toEqual({ kind: 'pass', reasons: [], notes: [] });
  expect(tookMs).toBeLessThan(1000);
});

test('a metric that comes back only with the traffic is waited for', async () => {
  const { verdict, tookMs } = await judge([page(1), page(2)], [quiet, quiet, quiet, page(1)]);
  expect(verdict.kind).toBe('pass');
  expect(tookMs).toBeGreaterThanOrEqual(1500);
});

test('a metric that stays away although it was busy fails when the patience is over', async () => {
  const { verdict, tookMs } = await judge([page(1), page(2)], [quiet]);
  expect(verdict).toEqual({ kind: 'fail', reasons: ['the metric requests_total is gone'], notes: [] });
  expect(tookMs).toBeGreaterThanOrEqual(10_000);
});

test('a metric that was not busy and stays away is noted', async () => {
  const { verdict } = await judge([page(2), page(2)], [quiet]);
  expect(verdict).toEqual({ kind: 'pass', reasons: [], notes: ['metric requests_total'] });
});

test.each([
  ['before', [''], [page(1)], 'before the change node-1 could not be seen: '],
  ['after', [page(1), page(2)], [''], 'after the change node-1 could not be seen: '],
])('a page that could not be read %s the change is no verdict', async (_when, before, after, reason) => {
  const { verdict } = await judge(before, after);
  expect(verdict.kind).toBe('unknown');
  expect(verdict.reasons[0]).toContain(reason);
});

test('a node that nobody looked at before its change has no contract', async () => {
  const world = await gateWorld();
  const check = createContractCheck(world);
  expect(await world.until(check.after(world.node('node-0')))).toMatchObject({ kind: 'unknown' });
});
