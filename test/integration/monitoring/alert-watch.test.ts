import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { watchAlerts } from '../../../src/engine/drill/alert-watch.ts';
import { DrillState } from '../../../src/engine/drill/drill-state.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import { MonitoringStack, eventually, missingPrograms } from './stack.ts';

const suite =
  missingPrograms.length === 0
    ? 'the alerts of a drill'
    : `alerts of a drill (left out: no ${missingPrograms.join(', ')})`;
const downAtOnce = {
  name: 'down.yml',
  content: 'groups:\n  - name: down\n    rules:\n      - alert: DownAtOnce\n        expr: up{job="nodes"} == 0\n',
};

describe.skipIf(missingPrograms.length > 0)(suite, { timeout: 60_000 }, () => {
  const notified: string[] = [];
  let webhook: Server;
  let stack: MonitoringStack;

  beforeAll(async () => {
    webhook = createServer((request, response) => {
      void request.toArray().then((chunks) => {
        notified.push(Buffer.concat(chunks as Buffer[]).toString('utf8'));
        response.end();
      });
    });
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
    const { port } = webhook.address() as AddressInfo;
    const alertmanager = [
      'route: { receiver: nobody, routes: [{ matchers: [alertname="DownAtOnce"], receiver: people, group_wait: 1s }] }',
      `receivers: [{ name: nobody }, { name: people, webhook_configs: [{ url: "http://127.0.0.1:${port}/" }] }]`,
      '',
    ].join('\n');
    stack = await MonitoringStack.start({
      profile: { name: 'reference', title: 'Reference chain', metrics: { port: 'http', path: '/metrics' } },
      user: { rules: [downAtOnce], dashboards: [], alertmanager },
    });
  }, 60_000);
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    webhook.close();
  });

  test('are noted down when they fire, and as delivered when the receiver was notified', async () => {
    const state = new DrillState(
      { steps: [{ id: 'baseline', kind: 'baseline', nodes: [], drill: 'loss' }] },
      {
        exercises: [{ id: 'loss', title: 'a node is gone', objectives: {}, hasService: false }],
        windowMs: 1,
        successShare: 1,
        rateShare: 1,
        isShort: true,
        participants: [],
        warnings: [],
      },
    );
    const reached: { milestone: string; detail?: string | undefined; notified: number }[] = [];
    let seq = 0;
    const add = (event: object): void => {
      state.add({ seq: seq++, at: '', monoMs: 0, prev: '', ...event } as RunRecord, systemClock.wallMs());
    };
    const reach: Parameters<typeof watchAlerts>[0]['tracker']['reach'] = async (milestone, detail) => {
      if (state.has(milestone)) return;
      reached.push({ milestone, detail, notified: notified.length });
      add({ type: 'drill.milestone', drill: 'loss', milestone, atMs: systemClock.wallMs() });
    };
    await eventually('the nodes to be scraped', async () => {
      const { result } = (await stack.ask('query', { query: 'up{job="nodes"} == 1' })) as { result: unknown[] };
      return result.length === 2 || undefined;
    });
    const over = new AbortController();
    const watching = watchAlerts({
      tracker: { state, reach },
      prometheusUrl: stack.urls.prometheus,
      alertmanagerUrl: stack.urls.alertmanager,
      alertmanagerConfig: stack.monitoring.alertmanagerConfig,
      transport: httpTransport(systemClock),
      clock: systemClock,
      signal: over.signal,
    });
    add({ type: 'step.started', step: 'baseline' });
    // Long enough for the Watchdog, which fires always, to be known.
    await systemClock.sleep(2_500);
    await reach('injected', 'validator-0');
    stack.nodes.get('validator-0')?.close();
    stack.nodes.get('validator-0')?.closeAllConnections();
    await eventually(
      'the delivery',
      async () => reached.some(({ milestone }) => milestone === 'alert-delivered') || undefined,
    );
    over.abort();
    await watching;

    expect(reached.map(({ milestone, detail }) => [milestone, detail])).toEqual([
      ['injected', 'validator-0'],
      ['alert-firing', 'DownAtOnce of validator-0'],
      ['detected', 'the alert DownAtOnce of validator-0 fires'],
      ['alert-delivered', 'the Alertmanager has notified people'],
    ]);
    expect(reached.at(-1)?.notified).toBeGreaterThan(0);
    expect(notified.join()).toContain('DownAtOnce');
  });
});
