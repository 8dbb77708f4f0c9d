import { describe, expect, test } from 'vitest';
import { watchAlerts } from '../../../../src/engine/drill/alert-watch.ts';
import { DrillState } from '../../../../src/engine/drill/drill-state.ts';
import type { RunRecord } from '../../../../src/journal/records.ts';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';

const alertmanagerConfig = 'receivers: [{ name: people, webhook_configs: [{ url: "http://127.0.0.1:1/" }] }]';
const exercise = { title: 'a node is gone', objectives: {}, hasService: false };

interface Watched {
  /** What fires; undefined: Prometheus does not answer. */
  firing: string[] | undefined;
  sent: number;
  begin(id: string): void;
  inject(): void;
  /** Lets time pass for some looks. */
  look(): Promise<void>;
  /** Ends the watch; what was reached by it. */
  end(): Promise<string[]>;
}

/** A watch over an exercise that has begun; Prometheus and the Alertmanager say what the test sets. */
function watch(): Watched {
  const clock = createVirtualClock({ isAutomatic: false });
  const over = new AbortController();
  const ids = ['loss', 'again'];
  const state = new DrillState(
    { steps: ids.map((id) => ({ id, kind: 'baseline', nodes: [], drill: id })) },
    {
      exercises: ids.map((id) => ({ id, ...exercise })),
      ...{ windowMs: 1, successShare: 1, rateShare: 1, isShort: true, participants: [], warnings: [] },
    },
  );
  const add = (event: object): void => {
    state.add({ seq: 0, at: '', monoMs: 0, prev: '', ...event } as RunRecord, clock.wallMs());
  };
  const reached: string[] = [];
  const milestone = (name: string): void =>
    add({ type: 'drill.milestone', drill: state.current, milestone: name, atMs: clock.wallMs() });
  const watched: Watched = {
    firing: [],
    sent: 0,
    begin: (id) => add({ type: 'step.started', step: id }),
    inject: () => milestone('injected'),
    look: () => clock.advance(3_000),
    end: async () => {
      over.abort();
      await watching;
      return reached;
    },
  };
  const alerts = (): { state: string; labels: { alertname: string }; receivers: { name: string }[] }[] =>
    (watched.firing ?? []).map((alertname) => ({
      state: 'firing',
      labels: { alertname },
      receivers: [{ name: 'people' }],
    }));
  const watching = watchAlerts({
    tracker: {
      state,
      reach: async (name, detail) => {
        if (state.has(name)) return;
        reached.push(`${name}: ${detail}`);
        milestone(name);
      },
    },
    prometheusUrl: 'http://prometheus',
    alertmanagerUrl: 'http://alertmanager',
    alertmanagerConfig,
    transport: async ({ url }) => {
      if (watched.firing === undefined) throw new Error('nothing listens');
      if (url.startsWith('http://prometheus')) {
        return { status: 200, text: JSON.stringify({ data: { alerts: alerts() } }) };
      }
      const text = url.endsWith('/metrics')
        ? `alertmanager_notifications_total ${watched.sent}\n`
        : JSON.stringify(alerts());
      return { status: 200, text };
    },
    clock,
    signal: over.signal,
  });
  watched.begin('loss');
  return watched;
}

const noticed = (alert: string): string[] => [
  `alert-firing: ${alert}`,
  `detected: the alert ${alert} fires`,
  'alert-delivered: the Alertmanager has notified people',
];

describe('alerts of a drill', () => {
  test('count when they begin after the disaster, and as delivered when a notification was sent since', async () => {
    const watched = watch();
    Object.assign(watched, { firing: ['Watchdog', 'Old'], sent: 3 });
    await watched.look();
    watched.inject();
    watched.firing = ['Watchdog', 'Old', 'NodeDown'];
    await watched.look();
    watched.sent = 4;
    await watched.look();
    expect(await watched.end()).toEqual(noticed('NodeDown'));
  });

  test.each([
    ['the run goes on in another process', []],
    ['Prometheus was silent until then', undefined],
  ])('that fire when the first look comes after the disaster are not told apart: %s', async (_why, firing) => {
    const watched = watch();
    if (firing === undefined) {
      watched.firing = undefined;
      await watched.look();
    }
    watched.inject();
    Object.assign(watched, { firing: ['Watchdog', 'Old', 'NodeDown'], sent: 3 });
    await watched.look();
    watched.firing = ['Watchdog', 'Old', 'NodeDown', 'NoQuorum'];
    watched.sent = 4;
    await watched.look();
    expect(await watched.end()).toEqual(noticed('NoQuorum'));
  });

  test('are none of them the Watchdog, which may begin late itself', async () => {
    const watched = watch();
    await watched.look();
    watched.inject();
    Object.assign(watched, { firing: ['Watchdog'], sent: 1 });
    await watched.look();
    expect(await watched.end()).toEqual([]);
  });

  test('of one exercise are not those that fired before another', async () => {
    const watched = watch();
    await watched.look();
    watched.begin('again');
    watched.inject();
    watched.firing = ['NodeDown'];
    await watched.look();
    expect(await watched.end()).toEqual([]);
  });
});
