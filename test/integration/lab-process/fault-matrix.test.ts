import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { readJsonFile } from '../../../src/core/files.ts';
import { waitFor } from '../../../src/core/wait.ts';
import type { CutRule, FaultAction, FaultActionKind, FaultLease, PairProbe } from '../../../src/lab/faults.ts';
import type { ProcessLab } from '../../../src/lab/process/alterable-lab.ts';
import { daemonPaths } from '../../../src/lab/process/daemon/control-protocol.ts';
import { readEnvironment } from '../../../src/lab/process/proc.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { beyondRows } from '../../helpers/beyond-rows.ts';
import { useProject } from '../../helpers/project.ts';

// The reference chain as the command line brings it up, with four validators: three are its quorum.
const project = useProject();
const labModule = join(import.meta.dirname, '../../../src/lab/process/process-lab.ts');
const clockModule = join(import.meta.dirname, '../../../src/core/clock.ts');

let lab: ProcessLab;
let nodes: TopologyNode[];
let victim: TopologyNode;
let able: Record<FaultActionKind, true | string>;
/** What was shown of each kind, printed at the end. */
const matrix: Record<string, string[]> = {};

beforeAll(async () => {
  await project.write(
    [
      'system: reference',
      'lab: process',
      'version: 1.0.0',
      'releases: { 1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } } }',
      'nodes: { validator: 4 }',
      'gate: smoke',
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
  const topology = await readJsonFile<Topology>(join(project.stateDir, 'topology.json'));
  if (!topology) throw new Error('up has left no topology');
  lab = createProcessLab({ topology, clock: systemClock });
  nodes = topology.nodes;
  victim = nodes[3] as TopologyNode;
  able = await lab.faults.capabilities();
});

// What a test that failed has left is no fault of the next one.
afterEach(async () => {
  for (const { node, id } of await lab.faults.list()) {
    await lab.faults.heal(nodes.find(({ name }) => name === node) ?? victim, id);
  }
});

afterAll(() => {
  const rows = Object.entries(able).map(([kind, can]) => {
    const shown = can === true ? (matrix[kind] ?? ['NOTHING SHOWN']).join(', ') : `lacks: ${can}`;
    return `  ${kind.padEnd(16)} ${shown}`;
  });
  const died = Object.keys(matrix).filter((kind) => matrix[kind]?.includes('dead-man-proven'));
  rows.push(...beyondRows(died));
  console.log(`faults on the process lab\n${rows.join('\n')}`);
});

async function heightOf(node: TopologyNode): Promise<number> {
  const answer = await fetch(`${lab.endpoint(node, 'http')}/status`, { signal: AbortSignal.timeout(2000) });
  return ((await answer.json()) as { height: number }).height;
}

/** Heights, -1 for a node that does not answer. */
function heights(of = nodes): Promise<number[]> {
  return Promise.all(of.map((node) => heightOf(node).catch(() => -1)));
}

function wait(what: string, isSo: () => Promise<boolean>, timeoutMs = 30_000): Promise<true> {
  const attempt = async (): Promise<true | undefined> => ((await isSo()) ? true : undefined);
  return waitFor(attempt, { clock: systemClock, what, timeoutMs, intervalMs: 100 });
}

/** Blocks are made that all nodes have. */
async function allAdvance(): Promise<void> {
  const before = Math.max(...(await heights()));
  await wait('all nodes to get new blocks', async () => (await heights()).every((height) => height > before + 2));
}

/** Whether these nodes get a new block within a time in which a healthy chain makes several. */
async function advance(of: TopologyNode[]): Promise<boolean[]> {
  // What was under way when the fault came is left out.
  await systemClock.sleep(1000);
  const before = await heights(of);
  await systemClock.sleep(2500);
  const after = await heights(of);
  return after.map((height, index) => height > (before[index] ?? 0));
}

/** All of Seatrial that lives on the lab while faults are live: the daemon, and the two shells that would start it again. */
async function labProcesses(): Promise<{ daemon: number; supervisors: number[] }> {
  const pids = await project.daemonPids();
  const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return {
    daemon: pids.find((pid) => commandOf(pid).startsWith(process.execPath)) ?? 0,
    supervisors: pids.filter((pid) => commandOf(pid).includes('\0seatrial-lab\0')),
  };
}

/** Without a word to the lab, which would start a daemon by itself. */
function undoneByItself(): Promise<true> {
  const { leases } = daemonPaths(project.stateDir);
  return wait('the fault to be undone', async () => !existsSync(leases));
}

let count = 0;
const leaseOf = (node: TopologyNode, action: FaultAction, ttlMs = 60_000): FaultLease => ({
  id: `matrix-${count++}`,
  node,
  action,
  ttlMs,
});

async function inject(...leases: FaultLease[]): Promise<() => Promise<void>> {
  for (const lease of leases) await lab.faults.arm(lease);
  await Promise.all(leases.map(({ node, id }) => lab.faults.inject(node, id)));
  return async () => {
    await Promise.all(leases.map(({ node, id }) => lab.faults.heal(node, id)));
    expect(await lab.faults.list()).toEqual([]);
  };
}

const cutFrom = (peers: TopologyNode[], verdict: CutRule['verdict'] = 'drop', ports?: string[]): FaultAction => ({
  kind: 'cut',
  rules: peers.flatMap(({ name }) =>
    (['in', 'out'] as const).map((direction) => ({ direction, peer: name, verdict, ...(ports && { ports }) })),
  ),
});

const others = (node: TopologyNode): TopologyNode[] => nodes.filter((other) => other !== node);

describe('partitions of a chain of four', () => {
  test('one node alone stands still while the majority goes on, and catches up after the heal', async () => {
    const heal = await inject(leaseOf(victim, cutFrom(others(victim))));
    expect(await advance(nodes)).toEqual([true, true, true, false]);
    await heal();
    await allAdvance();
  });

  test('two halves both stand still, for neither has a quorum, and go on after the heal', async () => {
    const [a, b, c, d] = nodes as [TopologyNode, TopologyNode, TopologyNode, TopologyNode];
    const heal = await inject(leaseOf(a, cutFrom([c, d])), leaseOf(b, cutFrom([c, d])));
    expect(await advance(nodes)).toEqual([false, false, false, false]);
    await heal();
    await allAdvance();
  });

  test('a cut of the port between nodes alone leaves their other ports, one that rejects resets what is open', async () => {
    const lease = leaseOf(victim, cutFrom(others(victim), 'reject', ['p2p']));
    const heal = await inject(lease);
    await wait('connections to be refused', async () => {
      const { effect } = await lab.faults.inspect(victim, lease.id);
      return Number(effect['refusedConnections']) > 3;
    });
    expect(await advance([victim])).toEqual([false]);
    const [first] = nodes as [TopologyNode];
    const answer = await fetch(`http://${first.links?.peers[victim.name]}:${victim.ports[0]?.hostPort}/health`);
    expect(answer.status).toBeGreaterThan(0);
    await heal();
    await allAdvance();
  });

  test('a way that is cut in one direction is so for new and for established flows, and all other ways are whole', async () => {
    const [peer] = nodes as [TopologyNode];
    const watch = await lab.faults.watchPairs(nodes);
    try {
      const rule: CutRule = { direction: 'out', peer: peer.name, verdict: 'drop' };
      const heal = await inject(leaseOf(victim, { kind: 'cut', rules: [rule] }));
      await watch.look({ timeoutMs: 500 });
      const probes = await watch.look({ timeoutMs: 500 });
      const blocked = (what: 'fresh' | 'established'): string[] =>
        probes.filter((probe) => probe[what] === 'blocked').map(({ from, to }) => `${from} → ${to}`);
      expect(probes).toHaveLength(12);
      expect(blocked('established')).toEqual([`${victim.name} → ${peer.name}`]);
      // A handshake needs both ways.
      expect(blocked('fresh').sort()).toEqual(
        [`${peer.name} → ${victim.name}`, `${victim.name} → ${peer.name}`].sort(),
      );
      await heal();
      const isWhole = ({ fresh, established }: PairProbe): boolean => fresh === 'ok' && established === 'ok';
      await wait('all ways to be whole', async () => (await watch.look()).every(isWhole));
    } finally {
      await watch.close();
    }
  });

  test('clients that are cut off get no answer, while the chain goes on and status is seen', async () => {
    const action: FaultAction = { kind: 'cut', rules: [{ direction: 'in', peer: 'clients', verdict: 'drop' }] };
    const heal = await inject(leaseOf(victim, action));
    const ask = (): Promise<Response> =>
      fetch(`${lab.clientEndpoint?.(victim, 'http')}/status`, { signal: AbortSignal.timeout(1000) });
    await expect(ask()).rejects.toThrow();
    expect(await advance(nodes)).toEqual([true, true, true, true]);
    await heal();
    expect((await ask()).status).toBe(200);
  });
});

/** Each kind: what is done, and how the world itself shows that it acts. */
const cases: { kind: FaultActionKind; action(): FaultAction; acts(lease: FaultLease): Promise<boolean> }[] = [
  {
    kind: 'cut',
    action: () => cutFrom(others(victim)),
    acts: async () => (await advance([victim]))[0] === false,
  },
  {
    kind: 'shape',
    action: () => ({ kind: 'shape', rules: [{ peer: 'validator-0', delayMs: 120, jitterMs: 10 }] }),
    acts: async () => {
      const watch = await lab.faults.watchPairs(nodes);
      const probes = await watch.look();
      await watch.close();
      const slow = probes.filter(({ roundTripMs = 0 }) => roundTripMs >= 105).map(({ from, to }) => `${from} ${to}`);
      return slow.includes('validator-3 validator-0') && slow.includes('validator-0 validator-3');
    },
  },
  {
    kind: 'pause',
    action: () => ({ kind: 'pause' }),
    acts: async () => (await lab.observe(victim)).state === 'paused',
  },
  {
    kind: 'down',
    action: () => ({ kind: 'down', signal: 'SIGKILL', data: 'wipe' }),
    acts: async () => (await lab.observe(victim)).state === 'stopped',
  },
  {
    kind: 'disk-full',
    action: () => ({ kind: 'disk-full' }),
    acts: async () => (await lab.observe(victim)).state === 'stopped' || (await advance([victim]))[0] === false,
  },
  {
    kind: 'clock',
    action: () => ({ kind: 'clock', offsetMs: 90_000 }),
    acts: async () => {
      const pid = (await lab.observe(victim)).identity?.pid ?? 0;
      return (await readEnvironment(pid))?.includes('FAKETIME=+90.000') ?? false;
    },
  },
  {
    kind: 'cpu',
    action: () => ({ kind: 'cpu', share: 0.2 }),
    acts: async ({ id }) => Number((await lab.faults.inspect(victim, id)).effect['waitedMs']) > 20,
  },
  {
    kind: 'config',
    action: () => ({ kind: 'config', path: Object.keys(victim.files)[0] ?? '' }),
    acts: async () => (await lab.observe(victim)).state === 'stopped',
  },
];

describe.each(cases)('$kind', ({ kind, action, acts }) => {
  const show = (what: string): void => void (matrix[kind] ??= []).push(what);
  const identity = async () => {
    const { digest, generation, command } = (await lab.observe(victim)).identity ?? {};
    return { digest, generation, command };
  };
  const limit = async (): Promise<string | undefined> => {
    const pid = (await lab.observe(victim)).identity?.pid ?? 0;
    return /^Max file size.*$/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[0];
  };

  test('is seen in the world, and its heal leaves the node as it was', async (context) => {
    if (able[kind] !== true) context.skip(able[kind]);
    const before = { identity: await identity(), limit: await limit() };
    const lease = leaseOf(victim, action());
    const heal = await inject(lease);
    await wait('it to act', () => acts(lease));
    expect((await lab.faults.inspect(victim, lease.id)).state).toBe('injected');
    show('effect-proven');
    await heal();
    await allAdvance();
    expect({ identity: await identity(), limit: await limit() }).toEqual(before);
    show('heal-proven');
  });

  /** Returns when another process has injected it and was killed. */
  async function orphaned(lease: FaultLease): Promise<void> {
    const script = `
      import { createProcessLab } from ${JSON.stringify(labModule)};
      import { systemClock } from ${JSON.stringify(clockModule)};
      const topology = ${JSON.stringify({ testnet: project.testnet, stateDir: project.stateDir })};
      const lab = createProcessLab({ topology, clock: systemClock });
      const lease = ${JSON.stringify(lease)};
      await lab.faults.arm(lease);
      await lab.faults.inject(lease.node, lease.id);
      console.log('live');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  test('ends at its time though whoever injected it was killed', async (context) => {
    if (able[kind] !== true) context.skip(able[kind]);
    const lease = leaseOf(victim, action(), 6000);
    await orphaned(lease);
    expect(await lab.faults.list()).toMatchObject([{ id: lease.id, kind, state: 'injected' }]);
    await wait('the dead-man', async () => (await lab.faults.list()).length === 0);
    await allAdvance();
    show('dead-man-proven');
  });

  test('ends though the lab daemon and its supervisor were killed at the same moment as well', async (context) => {
    if (able[kind] !== true) context.skip(able[kind]);
    await orphaned(leaseOf(victim, action()));
    const { daemon, supervisors } = await labProcesses();
    expect(supervisors).toHaveLength(2);
    for (const pid of [supervisors[0] ?? 0, daemon]) process.kill(pid, 'SIGKILL');
    await undoneByItself();
    await allAdvance();
    expect(await lab.faults.list()).toEqual([]);
    show('daemon-death-proven');
  });
});

test('a node that is healed of a full disk just as its first write failed is up again', async () => {
  for (const pauseMs of [0, 100, 250]) {
    const heal = await inject(leaseOf(victim, { kind: 'disk-full' }));
    await systemClock.sleep(pauseMs);
    await heal();
    await allAdvance();
  }
});

test('a lab daemon that is killed with faults live comes back without them: links whole, paused nodes on, nodes that were down up', async () => {
  const [, second, third] = nodes as [TopologyNode, TopologyNode, TopologyNode];
  await inject(
    leaseOf(second, cutFrom([third])),
    leaseOf(third, { kind: 'pause' }),
    leaseOf(victim, { kind: 'down', signal: 'SIGTERM', data: 'keep' }),
  );
  process.kill((await labProcesses()).daemon, 'SIGKILL');
  await undoneByItself();
  await allAdvance();
});

test('down with faults live leaves nothing: no node that a dead-man starts again, no burner, no daemon', async () => {
  const [first, second, third] = nodes as [TopologyNode, TopologyNode, TopologyNode];
  await inject(
    leaseOf(first, { kind: 'down', signal: 'SIGKILL', data: 'keep' }, 5000),
    leaseOf(second, { kind: 'pause' }),
    leaseOf(third, { kind: 'cpu', share: 0.3 }),
    leaseOf(victim, cutFrom([first])),
  );
  const daemons = await project.daemonPids();
  const burners = async (): Promise<string[]> => {
    const pids = (await readdir('/proc')).filter((pid) => /^\d+$/.test(pid));
    const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    return commands.filter((command) => daemons.some((pid) => command.endsWith(`seatrial-burner\0${pid}\0`)));
  };
  expect((await burners()).length).toBeGreaterThan(0);
  await project.succeed('down', project.testnet);
  expect(await burners()).toEqual([]);
  expect(await project.daemonPids()).toEqual([]);
  expect(await lab.list()).toEqual([]);
  expect(await lab.faults.list()).toEqual([]);
});
