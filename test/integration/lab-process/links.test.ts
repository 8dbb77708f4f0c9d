import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import { LabDaemon } from '../../../src/lab/process/daemon/lab-daemon-client.ts';
import { findDaemon } from '../../../src/lab/process/mark.ts';
import { readStat } from '../../../src/lab/process/proc.ts';
import { linksOf } from '../../../src/topology/links.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { freePort } from '../../helpers/free-port.ts';
import { isThere, logWith, processBench, type Bench } from './sample-nodes.ts';

/** Sends back what it gets, in capital letters. */
const echoProgram = `
import { createServer } from 'node:net';
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', (chunk) => socket.write(chunk.toString().toUpperCase()));
  socket.on('end', () => socket.end());
  socket.on('error', () => {});
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
`;

interface LinkedBench extends Bench {
  nodes: TopologyNode[];
  daemon: LabDaemon;
  pids(): Promise<number[]>;
}

/** Two nodes with links, running. */
async function linkedBench(below = ''): Promise<LinkedBench> {
  const bench = await processBench(below);
  const { lab, stateDir } = bench;
  const named = [0, 1].map((index) => ({ index, name: `echo-${index}` }));
  const nodes: TopologyNode[] = [];
  for (const one of named) {
    const port = await freePort();
    const node = await bench.node(one.name, echoProgram, {
      index: one.index,
      args: [String(port)],
      ports: [{ name: 'echo', containerPort: port, hostPort: port }],
      links: linksOf(one, named),
    });
    nodes.push(node);
  }
  const daemon = new LabDaemon({ testnet: 'bench', stateDir, clock: systemClock });
  onTestFinished(() => destroy(bench, nodes));
  await Promise.all(nodes.map((node) => lab.launch(node)));
  for (const node of nodes) await logWith(lab, node, 'ready');
  // A supervisor that waits sleeps in a process of its own.
  const pids = async (): Promise<number[]> =>
    (await findDaemon('bench', stateDir)).filter(({ name }) => name !== 'sleep').map(({ pid }) => pid);
  return { ...bench, nodes, daemon, pids };
}

async function destroy({ lab, stateDir }: Bench, nodes: TopologyNode[]): Promise<void> {
  const topology = { testnet: 'bench', nodes, stateDir } as unknown as Topology;
  await createDirectDeployer({ lab, clock: systemClock }).destroy(topology);
}

function dial(host: string, node: TopologyNode): Socket {
  const socket = connect({ host, port: node.ports[0]?.hostPort ?? 0, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function say(host: string, node: TopologyNode, what: string): Promise<string> {
  const socket = dial(host, node);
  socket.end(what);
  return text(socket);
}

test('a node is reached over each of its links, and what passes is counted for both directions', async () => {
  const { nodes, daemon } = await linkedBench();
  const [first, second] = nodes as [TopologyNode, TopologyNode];
  expect(await say('127.77.1.2', second, 'from the first')).toBe('FROM THE FIRST');
  expect(await say('127.77.0.2', second, 'a client')).toBe('A CLIENT');
  const there = await daemon.ask({ op: 'counters', from: first.name, to: second.name });
  const back = await daemon.ask({ op: 'counters', from: second.name, to: first.name });
  expect(there).toMatchObject({ passedBytes: 14, heldBytes: 0, openConnections: 0 });
  expect(back).toMatchObject({ passedBytes: 14, heldBytes: 0 });
  expect(await daemon.ask({ op: 'counters', from: 'clients', to: second.name })).toMatchObject({ passedBytes: 8 });
});

test('much data passes unchanged while its receiver is slow', async () => {
  const { nodes } = await linkedBench();
  const socket = dial('127.77.2.1', nodes[0] as TopologyNode);
  const block = 'x'.repeat(1024 * 1024);
  for (let count = 0; count < 32; count++) socket.write(block);
  socket.end();
  await systemClock.sleep(300);
  const echoed = await text(socket);
  expect(echoed.length).toBe(32 * 1024 * 1024);
  expect(/^X+$/.test(echoed)).toBe(true);
});

test('whoever dials a node that is down is refused over its link, and reaches it again after its start', async () => {
  const { nodes, lab } = await linkedBench();
  const [, second] = nodes as [TopologyNode, TopologyNode];
  await lab.stop(second);
  const socket = dial('127.77.1.2', second);
  const error = await new Promise((resolve) => socket.once('error', resolve));
  expect(error).toMatchObject({ code: 'ECONNRESET' });
  await lab.start(second);
  await waitFor(
    async () => ((await say('127.77.1.2', second, 'again').catch(() => '')) === 'AGAIN' ? true : undefined),
    { clock: systemClock, what: 'the node to answer', timeoutMs: 5000 },
  );
});

describe('the lab daemon', () => {
  test('is one for all nodes, is none of them, and ends with the last one', async () => {
    const bench = await linkedBench();
    const { lab, nodes, pids, stateDir } = bench;
    const [first, second] = nodes as [TopologyNode, TopologyNode];
    expect(await lab.list()).toEqual(['echo-0', 'echo-1']);
    expect(await pids()).toHaveLength(2);
    await lab.stop(first);
    await lab.remove(first);
    expect(await pids()).toHaveLength(2);
    expect(await say('127.77.0.2', second, 'still there')).toBe('STILL THERE');
    await expect(say('127.77.0.1', first, 'gone')).rejects.toThrow('ECONNREFUSED');
    await lab.stop(second);
    await lab.remove(second);
    expect(await pids()).toEqual([]);
    expect(existsSync(`${stateDir}/lab`)).toBe(false);
  });

  test('is started once, however many ask for it while it does not listen yet', async () => {
    const { stateDir } = await processBench();
    const daemon = new LabDaemon({ testnet: 'bench', stateDir, clock: systemClock });
    onTestFinished(() => daemon.end());
    const asked: ReturnType<LabDaemon['connect']>[] = [];
    let isOver = false;
    const over = (): void => void (isOver = true);
    while (!isOver) {
      const connection = daemon.connect();
      asked.push(connection);
      connection.then(over, over);
      await systemClock.sleep(5);
    }
    for (const connection of await Promise.all(asked)) connection.close();
    expect(asked.length).toBeGreaterThan(5);
    expect((await findDaemon('bench', stateDir)).filter(({ name }) => name === 'sh')).toHaveLength(1);
  });

  test('that is killed comes back with all links, and so it does when its supervisor was killed before', async () => {
    const { nodes, pids } = await linkedBench();
    const [, second] = nodes as [TopologyNode, TopologyNode];
    const isShell = (pid: number): boolean => readStat(pid)?.name === 'sh';
    const isNode = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(process.execPath);
    const daemonAmong = (some: readonly number[]): number => some.find(isNode) ?? 0;
    const replaced = async (before: readonly number[]): Promise<number[]> =>
      waitFor(
        async () => {
          const now = await pids();
          const isWhole = now.length === 2 && now.some(isShell) && now.some(isNode);
          return isWhole && now.join() !== before.join() ? now : undefined;
        },
        { clock: systemClock, what: 'the pair to be whole again', timeoutMs: 15_000 },
      );
    const answers = async (): Promise<void> => {
      await waitFor(
        async () => ((await say('127.77.1.2', second, 'back').catch(() => '')) === 'BACK' ? true : undefined),
        { clock: systemClock, what: 'the link to work', timeoutMs: 15_000 },
      );
    };
    const first = await pids();
    process.kill(daemonAmong(first), 'SIGKILL');
    const again = await replaced(first);
    await answers();
    const daemonPid = daemonAmong(again);
    const supervisor = again.find((pid) => pid !== daemonPid) ?? 0;
    process.kill(supervisor, 'SIGKILL');
    const third = await replaced(again);
    expect(daemonAmong(third)).toBe(daemonPid);
    process.kill(daemonPid, 'SIGKILL');
    await replaced(third);
    await answers();
    expect(isThere(supervisor)).toBe(false);
  });

  test('that lost its testnet’s folder and nodes ends by itself', async () => {
    const { lab, nodes, pids, stateDir } = await linkedBench();
    for (const node of nodes) await lab.stop(node);
    await rm(stateDir, { recursive: true });
    await waitFor(async () => ((await pids()).length === 0 ? true : undefined), {
      clock: systemClock,
      what: 'the daemon to end',
      timeoutMs: 10_000,
    });
  });

  test('is reached though the path of its folder is longer than a socket’s address', async () => {
    const { nodes, daemon, stateDir } = await linkedBench('a-folder-with-a-long-name-'.repeat(5));
    expect(Buffer.byteLength(stateDir)).toBeGreaterThan(108);
    await daemon.ask({ op: 'counters', from: 'clients', to: 'echo-0' });
    expect(await say('127.77.0.1', nodes[0] as TopologyNode, 'far')).toBe('FAR');
  });
});

test('two testnets of one name in two folders have links of their own', async () => {
  const [one, two] = [await linkedBench(), await linkedBench()];
  const [of1, of2] = [one.nodes[0] as TopologyNode, two.nodes[0] as TopologyNode];
  expect(await say('127.77.2.1', of1, 'one')).toBe('ONE');
  expect(await say('127.77.2.1', of2, 'two')).toBe('TWO');
  await destroy(two, two.nodes);
  expect(await two.pids()).toEqual([]);
  expect(await say('127.77.2.1', of1, 'one')).toBe('ONE');
});
