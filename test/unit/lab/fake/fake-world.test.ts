import { expect, test } from 'vitest';
import { createFakeLab } from '../../../../src/lab/fake/fake-lab.ts';
import type { FakeScript } from '../../../../src/lab/fake/fake-world.ts';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';
import type { TopologyNode } from '../../../../src/topology/topology.ts';

const validator: TopologyNode = {
  name: 'validator-0',
  role: 'validator',
  index: 0,
  votingPower: 1,
  startOrder: 0,
  release: { version: '1.0.0', kind: 'program', digest: 'sha256:good', programPath: '/releases/node.mjs' },
  command: ['node', '/releases/node.mjs', '--flag'],
  env: {},
  flags: {},
  files: {},
  secretFiles: {},
  dataDir: '/data',
  address: '127.0.0.1',
  bindAddress: '127.0.0.1',
  ports: [],
  stop: { signal: 'SIGTERM', graceMs: 10_000 },
  limits: {},
  generation: 'a',
};

function world(script: FakeScript = () => ({})) {
  const clock = createVirtualClock({ isAutomatic: false });
  return { clock, lab: createFakeLab({ topology: { testnet: 'test' }, clock, script }) };
}

test('a node has a height once it is ready, grows with its speed, stands while paused and keeps it over a stop', async () => {
  const { clock, lab } = world(() => ({ readyAfterMs: 2000, blocksPerSecond: 2 }));
  await lab.launch(validator);
  await clock.advance(1000);
  expect(lab.world.heightOf('validator-0')).toBeUndefined();
  await clock.advance(2000);
  expect(lab.world.heightOf('validator-0')).toBe(2);
  lab.world.setHeight('validator-0', 100);
  lab.world.setPaused('validator-0', true);
  await clock.advance(5000);
  expect(lab.world.heightOf('validator-0')).toBeUndefined();
  expect((await lab.observe(validator)).state).toBe('paused');
  lab.world.setPaused('validator-0', false);
  await clock.advance(1000);
  expect(lab.world.heightOf('validator-0')).toBe(102);
  lab.world.change('validator-0', { blocksPerSecond: 0 });
  await clock.advance(5000);
  expect(lab.world.heightOf('validator-0')).toBe(102);
  await lab.stop(validator);
  await lab.start(validator);
  await clock.advance(2000);
  expect(lab.world.heightOf('validator-0')).toBe(102);
});

test('a scripted crash ends the node at its time with its exit code', async () => {
  const { clock, lab } = world((_node, start) => (start === 1 ? { crashesAfterMs: 3000, crashExitCode: 9 } : {}));
  await lab.launch(validator);
  await clock.advance(2999);
  expect((await lab.observe(validator)).state).toBe('running');
  await clock.advance(1);
  expect(await lab.observe(validator)).toEqual({
    node: 'validator-0',
    state: 'stopped',
    exitCode: 9,
    detail: 'validator-0 ended by itself with exit code 9',
  });
  await lab.start(validator);
  await clock.advance(10_000);
  expect((await lab.observe(validator)).state).toBe('running');
});

test('what runs may differ from the release, and the observation tells', async () => {
  const { lab } = world(() => ({ digest: 'sha256:other' }));
  await lab.launch(validator);
  const { identity } = await lab.observe(validator);
  expect(identity).toMatchObject({ digest: 'sha256:other', command: ['--flag'], generation: 'a' });
});

test('a second lab on the same world sees what the first one did', async () => {
  const { clock, lab } = world();
  await lab.launch(validator);
  const second = createFakeLab({ topology: { testnet: 'test' }, clock, world: lab.world });
  expect((await second.observe(validator)).identity).toEqual((await lab.observe(validator)).identity);
  await second.stop(validator);
  expect((await lab.observe(validator)).state).toBe('stopped');
});
