import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import type { Deployer, NodeChange, RollHooks, Stage } from '../../../src/engine/deployer.ts';
import { createFakeLab, type FakeLab } from '../../../src/lab/fake/fake-lab.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';

const names = ['validator-0', 'validator-1', 'validator-2', 'validator-3'];

function node(name: string, generation: string, changes: Partial<TopologyNode> = {}): TopologyNode {
  return {
    name,
    role: 'validator',
    index: names.indexOf(name),
    votingPower: 1,
    startOrder: 0,
    release: { version: '1.0.0', kind: 'program', digest: `sha256:${generation}`, programPath: '/releases/node.mjs' },
    command: ['node', '/releases/node.mjs'],
    env: {},
    flags: {},
    files: {},
    secretFiles: {},
    dataDir: `/data/${name}`,
    address: '127.0.0.1',
    bindAddress: '127.0.0.1',
    ports: [],
    stop: { signal: 'SIGTERM', graceMs: 10_000 },
    limits: {},
    generation,
    ...changes,
  };
}

function topologyOf(nodes: TopologyNode[]): Topology {
  return {
    testnet: 'test',
    system: 'sample',
    lab: 'process',
    quorum: 'bft',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 0,
    nodes,
    stateDir: '',
  };
}

/** All nodes in generation `base`, but those named in `changed`. */
function fleet(base: string, changed: Record<string, string> = {}): Topology {
  return topologyOf(names.map((name) => node(name, changed[name] ?? base)));
}

interface Bench {
  lab: FakeLab;
  clock: VirtualClock;
  deployer: Deployer;
  /** What the hooks and the lab saw, in order: "before validator-0 replace", "stop validator-0", … */
  story: string[];
  hooks: RollHooks;
  proven: Set<string>;
}

function bench(options: { script?: FakeScript; failOn?: string } = {}): Bench {
  const clock = createVirtualClock();
  const lab = createFakeLab({
    topology: { testnet: 'test' },
    clock,
    ...(options.script ? { script: options.script } : {}),
  });
  const story: string[] = [];
  const proven = new Set<string>();
  let seen = 0;
  const tell = (line: string): void => {
    for (const { action, node: name } of lab.world.events.slice(seen)) story.push(`${action} ${name}`);
    seen = lab.world.events.length;
    story.push(line);
    if (line === options.failOn) throw new Error(`the gate failed: ${line}`);
  };
  const hooks: RollHooks = {
    before: async (name, change) => tell(`before ${name} ${change.kind}`),
    after: async (name, change) => tell(`after ${name} ${change.kind}`),
    afterCreated: async (created) => tell(`created ${created.join(' ')}`),
    isProven: async (name) => proven.has(name),
  };
  return { lab, clock, deployer: createDirectDeployer({ lab, clock }), story, hooks, proven };
}

function stage(topology: Topology, order: string[] = [], expected?: NodeChange[]): Stage {
  return { topology, order, ...(expected ? { expected } : {}) };
}

/** A bench on which all four nodes run generation `a`, every one proven. */
async function runningBench(options: { failOn?: string; script?: FakeScript } = {}): Promise<Bench> {
  const made = bench(options);
  await made.deployer.roll(stage(fleet('a')), made.hooks);
  for (const name of names) made.proven.add(name);
  made.story.length = 0;
  return made;
}

async function refusal(promise: Promise<unknown>): Promise<{ code: ErrorCode; message: string }> {
  return promise.then(
    () => {
      throw new Error('nothing was refused');
    },
    (error: unknown) => error as { code: ErrorCode; message: string },
  );
}

describe('preview', () => {
  test('names what is absent, differs, is down, or is no longer wanted, and touches nothing', async () => {
    const { lab, deployer } = await runningBench();
    lab.world.crash('validator-2');
    const eventsBefore = lab.world.events.length;
    const wanted = topologyOf([
      node('validator-0', 'a'),
      node('validator-1', 'b'),
      node('validator-2', 'a'),
      node('validator-9', 'a'),
    ]);
    expect(await deployer.preview(wanted)).toEqual([
      { node: 'validator-1', kind: 'replace' },
      { node: 'validator-2', kind: 'replace' },
      { node: 'validator-9', kind: 'create' },
      { node: 'validator-3', kind: 'remove' },
    ]);
    expect(lab.world.events).toHaveLength(eventsBefore);
  });

  test('is empty when everything runs as wanted', async () => {
    const { deployer } = await runningBench();
    expect(await deployer.preview(fleet('a'))).toEqual([]);
    expect(await deployer.preview(fleet('b'))).toHaveLength(4);
  });

  test('a name that something else holds is an error', async () => {
    const { lab, deployer } = bench();
    lab.world.foreign.add('validator-1');
    const error = await refusal(deployer.preview(fleet('a')));
    expect(error).toMatchObject({ code: 'lab', message: expect.stringContaining('validator-1') as string });
  });
});

describe('creating', () => {
  test('absent nodes are announced, then launched by start order, then gated together once', async () => {
    const { deployer, hooks, story } = bench();
    const wanted = topologyOf([
      node('validator-0', 'a', { startOrder: 2 }),
      node('validator-1', 'a', { startOrder: 1 }),
    ]);
    await deployer.roll(stage(wanted), hooks);
    expect(story).toEqual([
      'before validator-0 create',
      'before validator-1 create',
      'launch validator-1',
      'launch validator-0',
      'created validator-0 validator-1',
    ]);
  });

  test('in the stage’s order absent nodes are launched one by one, each when the one before was seen', async () => {
    const { deployer, hooks, story } = bench();
    const order = ['validator-3', 'validator-1', 'validator-0', 'validator-2'];
    await deployer.roll({ topology: fleet('a'), order, createsInOrder: true }, hooks);
    expect(story).toEqual(order.flatMap((name) => [`before ${name} create`, `launch ${name}`, `created ${name}`]));
  });

  test('nodes of one start order are launched side by side', async () => {
    const { deployer, hooks, clock } = bench({ script: () => ({ launchTakesMs: 1000 }) });
    const startMs = clock.monotonicMs();
    await deployer.roll(stage(fleet('a')), hooks);
    expect(clock.monotonicMs() - startMs).toBe(1000);
  });

  test('a half-created testnet is completed first; what runs unproven is gated after that', async () => {
    const { lab, deployer, hooks, story } = bench();
    await lab.launch(node('validator-0', 'a'));
    await deployer.roll(stage(fleet('a')), hooks);
    expect(story.slice(0, 3)).toEqual(['launch validator-0', 'before validator-1 create', 'before validator-2 create']);
    expect(story.slice(-2)).toEqual(['created validator-1 validator-2 validator-3', 'after validator-0 replace']);
  });

  test('a rejected gate of the created nodes ends the stage before others are touched', async () => {
    const { lab, deployer, hooks, story } = bench({ failOn: 'created validator-3' });
    for (const name of names.slice(0, 3)) await lab.launch(node(name, 'a'));
    await expect(deployer.roll(stage(fleet('b')), hooks)).rejects.toThrow('the gate failed: created validator-3');
    expect(story.filter((line) => /stop|replace/.test(line))).toEqual([]);
    expect(story.at(-1)).toBe('created validator-3');
  });
});

describe('replacing', () => {
  test('each node is announced, stopped, launched and gated before the next, in the stage’s order', async () => {
    const { deployer, hooks, story } = await runningBench();
    await deployer.roll(stage(fleet('b'), ['validator-2', 'validator-0']), hooks);
    expect(story).toEqual(
      ['validator-2', 'validator-0', 'validator-1', 'validator-3'].flatMap((name) => [
        `before ${name} replace`,
        `stop ${name}`,
        `launch ${name}`,
        `after ${name} replace`,
      ]),
    );
  });

  test('nodes that are down come before healthy ones, whatever the order says', async () => {
    const { lab, deployer, hooks, story } = await runningBench();
    lab.world.crash('validator-3');
    await deployer.roll(stage(fleet('b'), names), hooks);
    const order = story.filter((line) => line.startsWith('before')).map((line) => line.split(' ')[1]);
    expect(order).toEqual(['validator-3', 'validator-0', 'validator-1', 'validator-2']);
  });

  test('nodes that run as wanted and are proven cost nothing', async () => {
    const { deployer, hooks, story, lab } = await runningBench();
    const events = lab.world.events.length;
    await deployer.roll(stage(fleet('a')), hooks);
    expect(story).toEqual([]);
    await deployer.roll(stage(fleet('a', { 'validator-1': 'b' })), hooks);
    expect(story).toEqual([
      'before validator-1 replace',
      'stop validator-1',
      'launch validator-1',
      'after validator-1 replace',
    ]);
    expect(lab.world.events.slice(events).every((event) => event.node === 'validator-1')).toBe(true);
  });

  test('a node that runs as wanted without a proof is gated again before a healthy one is touched', async () => {
    const { deployer, hooks, story, proven } = await runningBench();
    proven.delete('validator-3');
    await deployer.roll(stage(fleet('b', { 'validator-3': 'a' }), ['validator-0']), hooks);
    expect(story.slice(0, 2)).toEqual(['after validator-3 replace', 'before validator-0 replace']);
    expect(story).not.toContain('stop validator-3');
  });

  test('a rejected gate ends the stage with its own error and leaves later nodes untouched', async () => {
    const { deployer, hooks, story, lab } = await runningBench({ failOn: 'after validator-1 replace' });
    await expect(deployer.roll(stage(fleet('b')), hooks)).rejects.toThrow('the gate failed: after validator-1 replace');
    expect(story.at(-1)).toBe('after validator-1 replace');
    expect(await deployer.preview(fleet('b'))).toEqual([
      { node: 'validator-2', kind: 'replace' },
      { node: 'validator-3', kind: 'replace' },
    ]);
    expect(lab.world.isAlive('validator-2') && lab.world.isAlive('validator-3')).toBe(true);
  });

  test('a rejection before the change leaves the node itself untouched', async () => {
    const { deployer, hooks, story, lab } = await runningBench({ failOn: 'before validator-0 replace' });
    const events = lab.world.events.length;
    await expect(deployer.roll(stage(fleet('b')), hooks)).rejects.toThrow('the gate failed');
    expect(story).toEqual(['before validator-0 replace']);
    expect(lab.world.events).toHaveLength(events);
  });

  test('a launch that fails after the stop names the node and what happened', async () => {
    const { deployer, hooks } = await runningBench({
      script: (_node, start) => (start === 2 ? { launchError: 'port taken' } : {}),
    });
    await expect(deployer.roll(stage(fleet('b')), hooks)).rejects.toThrow(
      'validator-0 was stopped but its replacement could not be launched: validator-0 could not be started: port taken',
    );
    expect((await deployer.preview(fleet('b')))[0]).toEqual({ node: 'validator-0', kind: 'replace' });
  });

  test('a node that ignores its stop signal is replaced after its grace time', async () => {
    const { deployer, hooks, clock, lab } = await runningBench({ script: () => ({ ignoresStop: true }) });
    const startMs = clock.monotonicMs();
    await deployer.roll(stage(fleet('a', { 'validator-0': 'b' })), hooks);
    expect(clock.monotonicMs() - startMs).toBe(10_000);
    expect(lab.world.nodes.get('validator-0')?.definition.generation).toBe('b');
  });
});

describe('removing', () => {
  test('nodes that the topology no longer has go last, each after its announcement', async () => {
    const { deployer, hooks, story, lab } = await runningBench();
    await deployer.roll(stage(topologyOf([node('validator-0', 'b'), node('validator-1', 'a')])), hooks);
    await hooks.afterCreated([]);
    expect(story).toEqual([
      'before validator-0 replace',
      'stop validator-0',
      'launch validator-0',
      'after validator-0 replace',
      'before validator-2 remove',
      'stop validator-2',
      'remove validator-2',
      'before validator-3 remove',
      'stop validator-3',
      'remove validator-3',
      'created ',
    ]);
    expect(await lab.list()).toEqual(['validator-0', 'validator-1']);
  });
});

describe('drift', () => {
  const planned: NodeChange[] = [{ node: 'validator-0', kind: 'replace' }];

  test('a stage whose changes are exactly the planned ones is rolled', async () => {
    const { deployer, hooks, story } = await runningBench();
    await deployer.roll(stage(fleet('a', { 'validator-0': 'b' }), [], planned), hooks);
    expect(story).toHaveLength(4);
  });

  test('every difference is named and nothing is touched', async () => {
    const { deployer, hooks, story, lab } = await runningBench();
    lab.world.crash('validator-3');
    lab.world.nodes.delete('validator-2');
    const error = await refusal(deployer.roll(stage(fleet('a'), [], planned), hooks));
    expect(error.code).toBe('drift');
    expect(error.message).toContain('validator-0: planned replace, needs no change');
    expect(error.message).toContain('validator-2: no change planned, needs create');
    expect(error.message).toContain('validator-3: no change planned, needs replace');
    expect(story).toEqual([]);
  });

  test('a planned stage that finds nothing to do is drift as well', async () => {
    const { deployer, hooks } = await runningBench();
    expect((await refusal(deployer.roll(stage(fleet('a'), [], planned), hooks))).code).toBe('drift');
  });
});

describe('an abort', () => {
  test('between the announcement and the stop touches nothing', async () => {
    const { deployer, hooks, lab } = await runningBench();
    const abort = new AbortController();
    const events = lab.world.events.length;
    const aborting: RollHooks = { ...hooks, before: async () => abort.abort() };
    expect((await refusal(deployer.roll(stage(fleet('b')), aborting, abort.signal))).code).toBe('aborted');
    expect(lab.world.events).toHaveLength(events);
  });

  test('while a node stops lets its replacement finish, runs no gate and says so', async () => {
    const { deployer, hooks, story, lab, clock } = await runningBench({ script: () => ({ stopTakesMs: 2000 }) });
    const abort = new AbortController();
    const aborting = clock.sleep(500).then(() => abort.abort());
    const error = await refusal(deployer.roll(stage(fleet('b')), hooks, abort.signal));
    await aborting;
    expect(error.code).toBe('aborted');
    expect(error.message).toBe(
      'cancelled: the replacement of validator-0 was finished (2000 ms), its gate did not run',
    );
    expect(story).toEqual(['before validator-0 replace']);
    expect((await lab.observe(node('validator-0', 'b'))).identity?.generation).toBe('b');
    expect((await lab.observe(node('validator-1', 'b'))).identity?.generation).toBe('a');
  });

  test('beforehand does nothing at all', async () => {
    const { deployer, hooks, story } = bench();
    const signal = AbortSignal.abort();
    expect((await refusal(deployer.roll(stage(fleet('a')), hooks, signal))).code).toBe('aborted');
    expect((await refusal(deployer.preview(fleet('a'), signal))).code).toBe('aborted');
    expect(story).toEqual([]);
  });
});

describe('destroy', () => {
  test('stops all nodes side by side, those of earlier topologies too, and leaves nothing', async () => {
    const { deployer, clock, lab } = await runningBench({ script: () => ({ stopTakesMs: 3000 }) });
    const startMs = clock.monotonicMs();
    await deployer.destroy(topologyOf([node('validator-0', 'b')]));
    expect(clock.monotonicMs() - startMs).toBe(3000);
    expect(await lab.list()).toEqual([]);
    expect(lab.world.events.filter(({ action }) => action === 'remove')).toHaveLength(4);
    await deployer.destroy(fleet('a'));
  });

  test('what could not be removed is listed, and the rest is removed all the same', async () => {
    const { deployer, lab } = await runningBench();
    lab.world.foreign.add('validator-1');
    const error = await refusal(deployer.destroy(fleet('a')));
    expect(error.code).toBe('cleanup');
    expect(error.message).toMatch(/^1 of 4 nodes of test could not be removed \(validator-1: /);
    expect(await lab.list()).toEqual(['validator-1']);
  });
});
