import { expect, test } from 'vitest';
import {
  createContractCheck,
  type ContractBefore,
  type ContractVerdict,
} from '../../../../src/gates/contract/contract-check.ts';
import { gateWorld } from '../../../helpers/gate-world.ts';

const page = (requests: number): string =>
  `# TYPE height gauge\nheight 1\n# TYPE requests_total counter\nrequests_total{code="200"} ${requests}\n`;
const quiet = '# TYPE height gauge\nheight 1\n';
const jsonLog = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ level: 'info', msg: `block ${index}`, height: index }));
const plainLog = ['one', 'two', 'three'];

/** What a node shows: a page after the other, of which the last one stays (a number: that status; '': no answer), and its log. */
interface Shown {
  pages: (string | number)[];
  /** Default: none. */
  log?: string[] | 'unreadable';
  /** What it logs later, in ms after it was looked at first. */
  later?: { afterMs: number; log: string[] };
}

interface Judged {
  before: ContractBefore;
  /** Absent where it promised nothing. */
  verdict: ContractVerdict | undefined;
  tookMs: number;
}

/** A node that shows this before its change and that after it. */
async function judge(before: Shown, after: Shown): Promise<Judged> {
  let shown = before;
  const script = () => ({ logsAtStart: shown.log === 'unreadable' ? [] : (shown.log ?? []) });
  const world = await gateWorld({ script });
  const { lab, profile, clock } = world;
  const node = world.node('node-1');
  let pages = [...before.pages];
  const transport: typeof world.transport = async (request) => {
    if (!request.url.endsWith('/metrics')) return world.transport(request);
    const [next = '', ...rest] = pages;
    if (rest.length > 0) pages = rest;
    if (next === '') throw new Error('ECONNREFUSED');
    return typeof next === 'number' ? { status: next, text: 'no' } : { status: 200, text: next };
  };
  const readable: typeof lab = {
    ...lab,
    logs: async (...call) => {
      if (shown.log === 'unreadable') throw new Error('no such log');
      return lab.logs(...call);
    },
  };
  const check = createContractCheck({ lab: readable, profile, transport, clock });
  const promised = await world.until(check.before(node));
  shown = after;
  pages = [...after.pages];
  await world.replace('node-1', '1.1.0');
  const { later } = after;
  const startedMs = clock.monotonicMs();
  const logged =
    later && clock.sleep(later.afterMs).then(() => later.log.forEach((text) => lab.world.addLog('node-1', text)));
  const verdict = 'error' in promised ? undefined : await world.until(check.after(node, promised));
  await logged;
  return { before: promised, verdict, tookMs: clock.monotonicMs() - startedMs };
}

const busy = [page(1), page(2)];

test('a node that exposes what it exposed before passes at once', async () => {
  const { verdict, tookMs } = await judge({ pages: busy }, { pages: [page(1)] });
  expect(verdict).toEqual({ kind: 'pass', reasons: [], notes: [] });
  expect(tookMs).toBeLessThan(1000);
});

test('a metric that comes back only with the traffic is waited for', async () => {
  const { verdict, tookMs } = await judge({ pages: busy }, { pages: [quiet, quiet, quiet, page(1)] });
  expect(verdict?.kind).toBe('pass');
  expect(tookMs).toBeGreaterThanOrEqual(1500);
});

test('a metric that stays away although it was busy fails when the patience is over', async () => {
  const { verdict, tookMs } = await judge({ pages: busy }, { pages: [quiet] });
  expect(verdict).toEqual({ kind: 'fail', reasons: ['the metric requests_total is gone'], notes: [] });
  expect(tookMs).toBeGreaterThanOrEqual(10_000);
});

test('a metric that was not busy and stays away is noted', async () => {
  const { verdict } = await judge({ pages: [page(2)] }, { pages: [quiet] });
  expect(verdict).toEqual({ kind: 'pass', reasons: [], notes: ['metric requests_total'] });
});

test.each([
  ['has no answer', '', 'its metrics page cannot be read: ECONNREFUSED'],
  ['answers 404', 404, 'its metrics page answers with status 404'],
  ['is malformed', '<html>', 'its metrics page cannot be understood: line 1 of the metrics is malformed: <html>'],
])('a page that %s before the change promises nothing', async (_what, shown, error) => {
  const { before } = await judge({ pages: [shown] }, { pages: [page(1)] });
  expect(before).toEqual({ error });
});

test.each([
  ['has no answer', '', 'unknown', 'its metrics page cannot be read: ECONNREFUSED'],
  ['answers 404', 404, 'fail', 'its metrics page answers with status 404'],
  [
    'is malformed',
    '<html>',
    'fail',
    'its metrics page cannot be understood: line 1 of the metrics is malformed: <html>',
  ],
])('a page that %s after the change is waited for, and then no pass', async (_what, shown, kind, reason) => {
  const { verdict, tookMs } = await judge({ pages: busy }, { pages: [shown] });
  expect(verdict).toEqual({ kind, reasons: [reason], notes: [] });
  expect(tookMs).toBeGreaterThanOrEqual(10_000);
  const back = await judge({ pages: busy }, { pages: [shown, shown, page(1)] });
  expect(back.verdict?.kind).toBe('pass');
});

test.each([
  ['nothing', [], 'its log has 0 lines since its start, too few to compare'],
  ['two lines', jsonLog(2), 'its log has 2 lines since its start, too few to compare'],
  ['what cannot be read', 'unreadable' as const, 'its log cannot be read: no such log'],
])('a node that logged in JSON and logs %s after its change does not pass', async (_what, log, reason) => {
  const { verdict, tookMs } = await judge({ pages: busy, log: jsonLog(5) }, { pages: busy, log });
  expect(verdict).toMatchObject({ kind: 'unknown', reasons: [reason] });
  expect(tookMs).toBeGreaterThanOrEqual(10_000);
});

test('a log that fills up within the patience passes, and one that fills up with other lines fails', async () => {
  const filling = (log: string[]): Promise<Judged> =>
    judge({ pages: busy, log: jsonLog(5) }, { pages: busy, later: { afterMs: 3000, log } });
  const same = await filling(jsonLog(4));
  expect(same.verdict).toEqual({ kind: 'pass', reasons: [], notes: [] });
  expect(same.tookMs).toBeGreaterThanOrEqual(3000);
  expect((await filling(plainLog)).verdict).toMatchObject({ kind: 'fail', reasons: ['the log is no longer in JSON'] });
});

test.each([
  ['has too few lines', jsonLog(2)],
  ['is not in JSON', plainLog],
  ['cannot be read', 'unreadable' as const],
])('a log that %s before the change promises nothing', async (_what, log) => {
  const { verdict, tookMs } = await judge({ pages: busy, log }, { pages: busy, log: [] });
  expect(verdict).toEqual({ kind: 'pass', reasons: [], notes: [] });
  expect(tookMs).toBeLessThan(1000);
});

test('what was lost is told although something else cannot be seen', async () => {
  const { verdict } = await judge({ pages: busy, log: jsonLog(5) }, { pages: [404], log: [] });
  expect(verdict).toMatchObject({
    kind: 'fail',
    reasons: ['its metrics page answers with status 404', 'its log has 0 lines since its start, too few to compare'],
  });
});
