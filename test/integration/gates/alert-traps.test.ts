import { describe, expect, test as base } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { GateCheck } from '../../../src/spec/profile.ts';
import { eventually, missingPrograms, TrapNode, TrapWorld, testnet } from './trap-world.ts';

const test = base.concurrent;
const checks: GateCheck[] = [
  { name: 'queue-alert', source: 'alerts', condition: { kind: 'alerts', names: ['QueueLong'] } },
  { name: 'critical-alerts', source: 'alerts', condition: { kind: 'alerts', severities: ['critical'] } },
];

function rules(alerts: readonly object[]): unknown {
  return { groups: [{ name: 'traps', rules: alerts }] };
}

const watchdog = { alert: 'Watchdog', expr: 'vector(1)', labels: { severity: 'none', testnet } };
const queueLong = { alert: 'QueueLong', expr: 'queue > 10', labels: { severity: 'warning' } };
const nodeDown = { alert: 'NodeDown', expr: 'up{job="nodes"} == 0', labels: { severity: 'critical' } };

async function start(
  alerts: readonly object[],
  options: { hasAlertmanager?: boolean } = {},
): Promise<{ world: TrapWorld; first: TrapNode }> {
  const first = new TrapNode('node-0', 'queue 5\n');
  const nodes = [first, new TrapNode('node-1', 'queue 5\n')];
  return { world: await TrapWorld.start({ nodes, checks, rules: rules(alerts), ...options }), first };
}

/** Names of the firing alerts as Alertmanager tells them to those who ask for what is not silenced. */
async function notSilenced(world: TrapWorld): Promise<string[]> {
  return arrived(world, 'silenced=false&active=true');
}

async function arrived(world: TrapWorld, which: string): Promise<string[]> {
  const response = await fetch(`${world.alertmanagerUrl}/api/v2/alerts?${which}`);
  return ((await response.json()) as { labels: { alertname: string } }[]).map(({ labels }) => labels.alertname);
}

async function firing(world: TrapWorld): Promise<number> {
  return (
    (await world.naive('sum(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)', systemClock.wallMs())) ??
    NaN
  );
}

// apt-get install prometheus prometheus-alertmanager
describe.skipIf(missingPrograms.length > 0)(`a check on alerts (missing here: ${missingPrograms.join()})`, () => {
  test('is BAD while a silence hides the alert from everybody who asks Alertmanager', async () => {
    const { world: made, first } = await start([watchdog, queueLong, nodeDown], { hasAlertmanager: true });
    await using world = made;
    await world.untilSaid('queue-alert', 'node-0', 'OK');
    first.page = 'queue 500\n';
    await eventually('the alert', async () => ((await notSilenced(world)).includes('QueueLong') ? true : undefined));
    const nowMs = systemClock.wallMs();
    const silenced = await fetch(`${world.alertmanagerUrl}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        matchers: [{ name: 'alertname', value: 'QueueLong', isRegex: false, isEqual: true }],
        startsAt: new Date(nowMs - 1000).toISOString(),
        endsAt: new Date(nowMs + 600_000).toISOString(),
        createdBy: 'test',
        comment: 'quiet',
      }),
    });
    expect(silenced.status).toBe(200);
    await eventually('the silence', async () => ((await notSilenced(world)).includes('QueueLong') ? undefined : true));
    expect(await arrived(world, 'silenced=true&active=false')).toEqual(['QueueLong']);
    const said = await world.look();
    expect(said('queue-alert', 'node-0')).toMatchObject({ state: 'BAD', detail: 'the alert QueueLong fires' });
    // It is about another node.
    expect(said('queue-alert', 'node-1')).toMatchObject({ state: 'OK' });
    expect(said('critical-alerts', 'node-0')).toMatchObject({ state: 'OK' });
  });

  test('is UNKNOWN when the rules are not loaded any more: nothing fires, and nothing could', async () => {
    const { world: made, first } = await start([watchdog, queueLong, nodeDown]);
    await using world = made;
    first.page = 'queue 500\n';
    await world.untilSaid('queue-alert', 'node-0', 'BAD');
    await world.writeConfig({ hasRules: false });
    expect(await world.reload()).toBe(200);
    await eventually('silence', async () => ((await firing(world)) === 0 ? true : undefined));
    expect((await world.look())('queue-alert', 'node-0')).toMatchObject({
      state: 'UNKNOWN',
      reason: 'rule-stale',
      detail: 'Prometheus has no alert Watchdog',
    });
  });

  test('is UNKNOWN when the watchdog is there and silent', async () => {
    const { world: made } = await start([{ ...watchdog, expr: 'vector(1) > 2' }, queueLong, nodeDown]);
    await using world = made;
    const said = await world.untilSaid('queue-alert', 'node-0', 'UNKNOWN');
    expect(await firing(world)).toBe(0);
    await eventually('an evaluation', async () =>
      JSON.stringify((await world.look())('queue-alert', 'node-0')).includes('does not fire') ? true : undefined,
    );
    expect(said).toMatchObject({ state: 'UNKNOWN' });
  });

  test('is UNKNOWN when its rule cannot be evaluated: it never fires', async () => {
    const broken = { ...queueLong, expr: 'queue + on (testnet) queue > 10' };
    const { world: made, first } = await start([watchdog, broken, nodeDown]);
    await using world = made;
    first.page = 'queue 500\n';
    await eventually('the error', async () =>
      JSON.stringify((await world.look())('queue-alert', 'node-0')).includes('query-error') ? true : undefined,
    );
    expect(await firing(world)).toBe(0);
    await world.watch(2);
    expect((await world.look())('queue-alert', 'node-0')).toMatchObject({
      state: 'UNKNOWN',
      reason: 'query-error',
      detail: expect.stringContaining('the rule QueueLong fails') as string,
    });
  });

  test('is UNKNOWN when there is no such alert, which therefore never fires', async () => {
    const { world: made } = await start([watchdog, nodeDown]);
    await using world = made;
    await world.untilSaid('critical-alerts', 'node-0', 'OK');
    expect(await firing(world)).toBe(0);
    expect((await world.look())('queue-alert', 'node-0')).toMatchObject({ state: 'UNKNOWN', reason: 'vacuous' });
  });

  test('takes no alert of another testnet for its own', async () => {
    const foreign = { ...nodeDown, expr: 'vector(1)', labels: { severity: 'critical', testnet: 'other' } };
    const { world: made } = await start([watchdog, queueLong, foreign]);
    await using world = made;
    await eventually('the foreign alert', async () => ((await firing(world)) === 1 ? true : undefined));
    await world.untilSaid('critical-alerts', 'node-0', 'OK');
  });
});
