import type { FaultAction } from '../../../src/lab/faults.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';
import { CONFIG, type ContainerTestnet } from '../../helpers/container-testnet.ts';

/** One fault with what the world shows while it acts, and when it does not. Both look at the target itself, never at its agent. */
export interface FaultCase {
  name: string;
  action: FaultAction;
  node: (testnet: ContainerTestnet) => TopologyNode;
  acts(testnet: ContainerTestnet): Promise<boolean>;
  isOver(testnet: ContainerTestnet): Promise<boolean>;
}

const CPU_SHARE = 0.1;
const LIMIT_BYTES = 96_000_000;
const SLOW_BITS = 400_000;
/** At that rate 1.2 s. */
const BLOB_BYTES = 60_000;

const at =
  (index: number) =>
  ({ topology }: ContainerTestnet): TopologyNode =>
    topology.nodes[index] as TopologyNode;
const victim = at(0);
const peer = at(1);

const answers = async ({ ask }: ContainerTestnet, node: TopologyNode, path = '/', timeoutMs = 1500): Promise<string> =>
  ask(node, path, timeoutMs).catch((error: unknown) => codeOf(error));

/** Node's fetch hides the reason one level deeper. */
function codeOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { code, name } = cause as { code?: string; name?: string };
  return typeof code === 'string' ? code : (name ?? 'unknown');
}

async function asks(testnet: ContainerTestnet, from: string, to: TopologyNode): Promise<boolean> {
  const script = `fetch('http://${to.name}:8080/',{signal:AbortSignal.timeout(1000)}).then(()=>process.exit(0),()=>process.exit(1))`;
  const exec = await testnet.container(from).exec({ Cmd: ['node', '-e', script], AttachStdout: true });
  const stream = await exec.start({});
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  return (await exec.inspect()).ExitCode === 0;
}

async function blobMs(testnet: ContainerTestnet): Promise<number> {
  const start = performance.now();
  await testnet.ask(victim(testnet), `/blob?${BLOB_BYTES}`, 10_000);
  return performance.now() - start;
}

async function isRunning(testnet: ContainerTestnet, name: string): Promise<boolean> {
  return (await testnet.container(name).inspect()).State.Running;
}

const bothWays = (end: string): FaultAction => ({
  kind: 'cut',
  rules: [
    { direction: 'in', peer: end, verdict: 'drop' },
    { direction: 'out', peer: end, verdict: 'drop' },
  ],
});

const byPort = (verdict: 'drop' | 'reject'): FaultAction => ({
  kind: 'cut',
  rules: [{ direction: 'in', peer: 'clients', verdict, ports: ['api'] }],
});

const isAnswered = async (testnet: ContainerTestnet): Promise<boolean> =>
  (await answers(testnet, victim(testnet))) === 'ok';

export const faultCases: readonly FaultCase[] = [
  {
    name: 'partition',
    action: bothWays('node-1'),
    node: victim,
    acts: async (t) => !(await asks(t, 'node-0', peer(t))) && !(await asks(t, 'node-1', victim(t))) && isAnswered(t),
    isOver: async (t) => (await asks(t, 'node-0', peer(t))) && asks(t, 'node-1', victim(t)),
  },
  {
    name: 'clients cut off',
    action: bothWays('clients'),
    node: victim,
    acts: async (t) => (await answers(t, victim(t))) === 'TimeoutError' && asks(t, 'node-1', victim(t)),
    isOver: isAnswered,
  },
  {
    name: 'monitoring cut off',
    action: bothWays('monitoring'),
    node: victim,
    acts: async (t) => !(await asks(t, 'prometheus', victim(t))) && isAnswered(t),
    isOver: (t) => asks(t, 'prometheus', victim(t)),
  },
  {
    name: 'drop by port',
    action: byPort('drop'),
    node: victim,
    acts: async (t) => (await answers(t, victim(t))) === 'TimeoutError',
    isOver: isAnswered,
  },
  {
    name: 'reject by port',
    action: byPort('reject'),
    node: victim,
    acts: async (t) => (await answers(t, victim(t))) === 'ECONNREFUSED',
    isOver: isAnswered,
  },
  {
    name: 'bandwidth',
    action: { kind: 'shape', rules: [{ peer: 'clients', bitsPerSecond: SLOW_BITS }] },
    node: victim,
    acts: async (t) => (await blobMs(t)) > 800,
    isOver: async (t) => (await blobMs(t)) < 600,
  },
  {
    name: 'dns',
    action: { kind: 'dns' },
    node: victim,
    acts: async (t) => /^E[A-Z_]+$/.test(await answers(t, victim(t), '/resolve?node-1', 30_000)),
    isOver: async (t) => /^\d+\.\d+\.\d+\.\d+$/.test(await answers(t, victim(t), '/resolve?node-1', 30_000)),
  },
  {
    name: 'pause',
    action: { kind: 'pause' },
    node: victim,
    acts: async (t) => (await answers(t, victim(t))) === 'TimeoutError',
    isOver: isAnswered,
  },
  {
    name: 'kill',
    action: { kind: 'down', signal: 'SIGKILL', data: 'keep' },
    node: victim,
    acts: async (t) => {
      const { State } = await t.container('node-0').inspect();
      return !State.Running && State.ExitCode === 137;
    },
    isOver: isAnswered,
  },
  {
    name: 'term',
    action: { kind: 'down', signal: 'SIGTERM', data: 'keep' },
    node: victim,
    acts: async (t) => {
      const { State } = await t.container('node-0').inspect();
      return !State.Running && State.ExitCode === 0;
    },
    isOver: isAnswered,
  },
  {
    name: 'wipe',
    action: { kind: 'down', signal: 'SIGKILL', data: 'wipe' },
    node: victim,
    acts: async (t) => !(await isRunning(t, 'node-0')),
    isOver: async (t) => (await answers(t, victim(t), '/log')) === 'ENOENT',
  },
  {
    name: 'corrupt',
    action: { kind: 'down', signal: 'SIGKILL', data: 'corrupt' },
    node: victim,
    acts: async (t) => !(await isRunning(t, 'node-0')),
    isOver: async (t) => {
      const content = await answers(t, victim(t), '/file');
      return content.startsWith('aaa') && content.endsWith('aaa') && /[^a]{8}/.test(content);
    },
  },
  {
    name: 'disk-full',
    action: { kind: 'disk-full' },
    node: victim,
    acts: async (t) => (await answers(t, victim(t), '/write')) === 'EFBIG',
    isOver: async (t) => (await answers(t, victim(t), '/write')) === 'written',
  },
  {
    name: 'cpu',
    action: { kind: 'cpu', share: CPU_SHARE },
    node: victim,
    acts: async (t) => throttled(t, true),
    isOver: async (t) => throttled(t, false),
  },
  {
    name: 'memory',
    action: { kind: 'memory', limitBytes: LIMIT_BYTES },
    node: victim,
    acts: async (t) => {
      await t.ask(victim(t), '/cache?160000000', 25_000);
      const { limitBytes, peakBytes } = await memoryOf(t);
      return limitBytes <= LIMIT_BYTES && peakBytes > 0.9 * limitBytes && peakBytes <= limitBytes;
    },
    isOver: async (t) => (await memoryOf(t)).limitBytes > 1e9 && isAnswered(t),
  },
  {
    name: 'config',
    action: { kind: 'config', path: CONFIG },
    node: victim,
    acts: async (t) =>
      (await answers(t, victim(t))) !== 'ok' && (await t.container('node-0').inspect()).RestartCount > 0,
    isOver: isAnswered,
  },
  {
    name: 'monitoring gone',
    action: { kind: 'monitoring-gone' },
    node: ({ monitoring }) => monitoring,
    acts: async (t) => !(await isRunning(t, 'prometheus')),
    isOver: (t) => isRunning(t, 'prometheus'),
  },
];

/** Whether the kernel held the processes back while they counted. */
async function throttled(t: ContainerTestnet, isExpected: boolean): Promise<boolean> {
  const before = await heldBack(t);
  await t.ask(victim(t), '/burn', 20_000);
  return (await heldBack(t)) > before === isExpected;
}

/** As the container itself reads it: periods in which it was held back. */
async function heldBack(t: ContainerTestnet): Promise<number> {
  const text = await t.lab.exec(victim(t), [
    'sh',
    '-c',
    'cat /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu.stat 2>/dev/null; true',
  ]);
  return Number(/nr_throttled (\d+)/.exec(text.stdout)?.[1] ?? Number.NaN);
}

/** As the container itself reads it: its limit (`max` is none), and the most that it ever used. */
async function memoryOf(t: ContainerTestnet): Promise<{ limitBytes: number; peakBytes: number }> {
  const script = `cd /sys/fs/cgroup
cat memory/memory.limit_in_bytes memory.max 2>/dev/null
cat memory/memory.max_usage_in_bytes memory.peak 2>/dev/null`;
  const { stdout } = await t.lab.exec(victim(t), ['sh', '-c', `${script}; true`]);
  const [limit = '', peak = ''] = stdout.split('\n');
  return { limitBytes: limit === 'max' ? Infinity : Number(limit), peakBytes: Number(peak) };
}
