import { expect, onTestFinished, test } from 'vitest';
import { BreakerOpenError } from '../../../src/core/breaker.ts';
import { openRunBreakers, type RunBreakers } from '../../../src/engine/run-breakers.ts';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { createFakeLab, type FakeLab } from '../../../src/lab/fake/fake-lab.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import type { Lab } from '../../../src/lab/lab.ts';
import { leaseTopology } from '../../helpers/lease-topology.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const sample = leaseTopology('demo', `sha256:${'1'.repeat(64)}`);
const [plain] = sample.nodes;
if (!plain) throw new Error('the sample topology has no node');
const node = { ...plain, ports: [{ name: 'http', containerPort: 80, hostPort: 4100 }] };
const topology = { ...sample, nodes: [node] };

interface World {
  clock: VirtualClock;
  fake: FakeLab;
  engine: { isDown: boolean; stops: number };
  open(): Promise<RunBreakers>;
}

async function world(): Promise<World> {
  const runDir = await temporaryFolder();
  const clock = createVirtualClock({ isAutomatic: false });
  const fake = createFakeLab({ topology, clock });
  const engine = { isDown: false, stops: 0 };
  /** The fake lab behind an engine that can be down. */
  const lab: Lab = {
    ...fake,
    kind: 'docker',
    stop: async (target, call) => {
      engine.stops++;
      if (engine.isDown) throw refused;
      return fake.stop(target, call);
    },
    observe: async (target, call) => {
      if (engine.isDown) throw refused;
      return fake.observe(target, call);
    },
  };
  const transport = (): Promise<never> => Promise.reject(refused);
  await fake.launch(node);
  return {
    clock,
    fake,
    engine,
    open: async () => {
      const breakers = await openRunBreakers({ runDir, topology, lab, clock, random: () => 0, transport });
      // What is still being written would make the folder anew after its removal.
      onTestFinished(() => breakers.close());
      return breakers;
    },
  };
}

function record(event: RunEvent): RunRecord {
  return { seq: 0, at: '2026-01-01T00:00:00.000Z', monoMs: 0, prev: '0'.repeat(64), ...event };
}

const ask = (breakers: RunBreakers): Promise<unknown> =>
  breakers
    .transport({ method: 'GET', url: 'http://127.0.0.1:4100/health', timeoutMs: 100, maxBytes: 100 })
    .catch((error: unknown) => error);
const look = (breakers: RunBreakers): Promise<unknown> => breakers.lab.observe(node).catch((error: unknown) => error);

test('an effect waits while the engine keeps failing, is done once it is back, and looks are taken all the time', async () => {
  const { clock, fake, engine, open } = await world();
  const breakers = await open();
  engine.isDown = true;
  for (let count = 0; count < 7; count++) expect(await look(breakers)).toBe(refused);
  expect(breakers.snapshot()).toMatchObject([{ host: 'local', callClass: 'docker', state: 'open', failures: 7 }]);
  let isDone = false;
  const stop = breakers.lab.stop(node).then(() => (isDone = true));
  await clock.advance(59_000);
  expect(isDone).toBe(false);
  expect(fake.world.isAlive(node.name)).toBe(true);
  engine.isDown = false;
  await clock.advance(2_000);
  await stop;
  expect(fake.world.isAlive(node.name)).toBe(false);
  await look(breakers);
  expect(breakers.snapshot()).toMatchObject([{ state: 'closed', rejected: 1, opened: 1, failures: 7 }]);
});

test('an effect that waited for the engine too long fails, and was never tried', async () => {
  const { clock, fake, engine, open } = await world();
  const breakers = await open();
  engine.isDown = true;
  for (let count = 0; count < 5; count++) await look(breakers);
  const stop = breakers.lab.stop(node).catch((error: unknown) => error);
  await clock.advance(14 * 60_000);
  expect(breakers.snapshot()).toMatchObject([{ opened: 4, failures: 8 }]);
  await clock.advance(60_000);
  expect(await stop).toBeInstanceOf(BreakerOpenError);
  expect(engine.stops).toBe(0);
  expect(fake.world.isAlive(node.name)).toBe(true);
});

test('a node in the middle of its own change is down by plan, until its gate has an opinion or it was started again', async () => {
  const { open } = await world();
  const breakers = await open();
  const intent = {
    step: 'upgrade/node-0',
    action: 'replace',
    node: node.name,
    toVersion: '2',
    toDigest: '',
    generation: '',
  };
  breakers.onRecord(record({ type: 'intent', ...intent, action: 'replace' }));
  for (let count = 0; count < 6; count++) expect(await ask(breakers)).toBe(refused);
  expect(breakers.snapshot().find(({ callClass }) => callClass === 'rpc')).toMatchObject({
    failures: 0,
    state: 'closed',
  });
  const verdict = { verdict: 'PASS' } as never;
  breakers.onRecord(record({ type: 'gate.verdict', gate: 'g', step: 's', nodes: [node.name], verdict, evidence: '' }));
  await ask(breakers);
  const stopping = { step: 's', effect: 'stop', node: node.name, detail: {} } as const;
  breakers.onRecord(record({ type: 'effect.intent', ...stopping }));
  breakers.onRecord(record({ type: 'effect.done', ...stopping, tookMs: 1 }));
  for (let count = 0; count < 6; count++) await ask(breakers);
  breakers.onRecord(record({ type: 'effect.done', ...stopping, effect: 'start', tookMs: 1 }));
  expect(breakers.snapshot().find(({ callClass }) => callClass === 'rpc')).toMatchObject({ failures: 1 });
  for (let count = 0; count < 4; count++) await ask(breakers);
  expect(breakers.snapshot().find(({ callClass }) => callClass === 'rpc')).toMatchObject({
    failures: 5,
    state: 'open',
  });
});

test('the state is kept with the run, and the process that resumes it goes on with it', async () => {
  const { engine, open } = await world();
  const breakers = await open();
  breakers.onRecord(record({ type: 'step.started', step: 'preflight' }));
  engine.isDown = true;
  for (let count = 0; count < 6; count++) await look(breakers);
  await breakers.close();
  const resumed = await open();
  expect(resumed.snapshot()).toEqual(breakers.snapshot());
  expect(resumed.snapshot()).toMatchObject([{ state: 'open', failures: 6, opened: 1 }]);
});
