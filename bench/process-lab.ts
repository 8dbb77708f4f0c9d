/**
 * The process lab against a shell script that starts the same programs, what an upgrade of a node costs beyond stop, start and gate,
 * and how much memory the orchestrator takes.
 *
 *     node bench/process-lab.ts
 */
import { spawn } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunRecord } from '../src/journal/records.ts';
import type { Topology, TopologyNode } from '../src/topology/topology.ts';
import { compare, median, peakMemoryMb, timed } from './support/measure.ts';
import { benchProject, referenceReleases } from './support/project.ts';
import { report, reportLimit } from './support/results.ts';

const pairs = 7;
const firstBlockTimeoutMs = 30_000;
const configuredGateMs = 1000 + 7 * 500;

/** A script has no proxy between its nodes; Seatrial is measured with it. */
const direct = 'links: direct';

const project = await benchProject([...referenceReleases, 'lab: process', 'nodes: { validator: 4 }', direct]);
const file = `stacks/${project.testnet}.yaml`;
const specFile = join(project.root, file);
const saved = join(project.root, 'saved');
const topologyFile = join(project.stateDir, 'topology.json');
const seatrial = (...args: string[]) => timed(project.seatrial(...args), { cwd: project.root });

try {
  // Builds the release, so that both sides start the same file; the shell script also starts with ports and keys in place.
  await seatrial('up', file);
  const topology = await keepTestnet();
  const program = topology.nodes[0]?.release.programPath;
  if (program === undefined) throw new Error('the first node has no program');
  await seatrial('down', project.testnet);
  const built = (await readFile(specFile, 'utf8')).replace(`${direct}\n`, '');
  await writeFile(specFile, built.replace(/^ {2}1\.0\.0: .*$/m, `  1.0.0: { program: ${program} }`));

  const start = await compare(
    pairs,
    () => firstCommonBlockWithSeatrial(),
    () => firstCommonBlockWithShell(topology),
  );
  reportLimit('Process lab: up to the first common block of 4 nodes', start.ratio, 1.3, {
    unit: '× a shell script',
    measured: `${start.ratio.toFixed(2)} × (${start.subject.toFixed(0)} ms and ${start.peer.toFixed(0)} ms)`,
    how: `wall time from the command to one hash at height 1 on all nodes, polled alike every 10 ms; median of ${pairs} interleaved pairs`,
    explanation:
      'The script starts its programs at once. `seatrial up` first starts Node and loads itself (schemas, topology, engine, journal), reads the testnet, allocates ports, makes keys, and puts the plan, an intent and a record for each node on the disk before it starts anything. That is a fixed cost before the first start; from the start of the nodes on both sides run the same programs for the same time. A first block after half a second leaves about 0.17 s for it.',
  });

  await writeFile(specFile, built);
  await seatrial('up', file);
  const peakMb = await peakMemoryMb(
    project.seatrial('run', 'rolling-upgrade', project.testnet, '--set', 'version=1.1.0'),
    project.root,
  );
  reportUpgrade(await newestJournal());
  reportLimit("Orchestrator's memory, rolling upgrade on processes", peakMb, 150, {
    unit: 'MB',
    measured: `${peakMb.toFixed(0)} MB`,
    how: 'VmHWM of the seatrial process, 4 nodes under load',
  });
} finally {
  await project.remove();
}

/** Keeps what the script needs of a running testnet: who runs what, with which files. */
async function keepTestnet(): Promise<Topology> {
  const topology = JSON.parse(await readFile(topologyFile, 'utf8')) as Topology;
  for (const [path, source] of topology.nodes.flatMap((node) => Object.entries(node.secretFiles))) {
    await cp(source, join(saved, path));
  }
  return topology;
}

async function firstCommonBlockWithSeatrial(): Promise<number> {
  const [program = '', ...args] = project.seatrial('up', file);
  const startMs = performance.now();
  const child = spawn(program, args, { cwd: project.root, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    // Ports are the same as ever unless something took one; the testnet says so before it starts a node.
    const nodes = (await topologyOnDisk(startMs)).nodes;
    return await firstCommonBlock(nodes, startMs);
  } finally {
    await ended;
    await seatrial('down', project.testnet);
  }
}

async function topologyOnDisk(startMs: number): Promise<Topology> {
  for (;;) {
    const text = await readFile(topologyFile, 'utf8').catch(() => undefined);
    if (text !== undefined) return JSON.parse(text) as Topology;
    if (performance.now() - startMs > firstBlockTimeoutMs) throw new Error('up has not written its topology');
    await sleep(5);
  }
}

/** What somebody without Seatrial would write: folders, files, programs in the background. */
async function firstCommonBlockWithShell({ nodes }: Topology): Promise<number> {
  const script = join(project.root, 'start.sh');
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = nodes.flatMap((node) => [
    `mkdir -p ${quoted(node.dataDir)}`,
    ...Object.entries(node.files).map(
      ([path, text]) => `mkdir -p ${quoted(dirname(path))}; printf %s ${quoted(text)} > ${quoted(path)}`,
    ),
    ...Object.keys(node.secretFiles).map(
      (path) => `mkdir -p ${quoted(dirname(path))}; cp ${quoted(join(saved, path))} ${quoted(path)}`,
    ),
    `cd ${quoted(node.dataDir)}`,
    `env ${Object.entries(node.env)
      .map(([name, value]) => quoted(`${name}=${value}`))
      .join(' ')} ${node.command.map(quoted).join(' ')} > node.log 2>&1 &`,
    'echo $!',
  ]);
  await writeFile(script, `${lines.join('\n')}\n`);
  const startMs = performance.now();
  const shell = spawn('bash', [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let pids = '';
  shell.stdout.on('data', (chunk: Buffer) => (pids += chunk.toString()));
  const ended = new Promise((resolve) => shell.once('exit', resolve));
  try {
    return await firstCommonBlock(nodes, startMs);
  } finally {
    await ended;
    const started = pids.trim().split('\n').map(Number);
    for (const pid of started) process.kill(pid, 'SIGKILL');
    // The ports must be free for the next pair.
    for (const pid of started) while (isRunning(pid)) await sleep(5);
    for (const { dataDir } of nodes) await rm(dirname(dataDir), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function firstCommonBlock(nodes: readonly TopologyNode[], startMs: number): Promise<number> {
  for (;;) {
    const hashes = await Promise.all(nodes.map(hashAtHeightOne));
    const elapsedMs = performance.now() - startMs;
    if (hashes[0] !== undefined && new Set(hashes).size === 1) return elapsedMs;
    if (elapsedMs > firstBlockTimeoutMs) throw new Error(`no common block after ${firstBlockTimeoutMs} ms`);
    await sleep(10);
  }
}

async function hashAtHeightOne(node: TopologyNode): Promise<string | undefined> {
  const port = node.ports.find(({ name }) => name === 'http')?.hostPort;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/block/1`, { signal: AbortSignal.timeout(1000) });
    return response.ok ? ((await response.json()) as { hash: string }).hash : undefined;
  } catch {
    return undefined;
  }
}

async function newestJournal(): Promise<RunRecord[]> {
  const runs = join(project.stateDir, 'runs');
  const newest = (await readdir(runs)).sort().at(-1) ?? '';
  const lines = (await readFile(join(runs, newest, 'journal.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as RunRecord);
}

/** From the journal: what is left of a step when the recorded stop and start and the gate's own phases are taken away. */
function reportUpgrade(records: readonly RunRecord[]): void {
  const steps = records.flatMap((started) => {
    if (started.type !== 'step.started' || !started.step.startsWith('rolling-upgrade/')) return [];
    const { step } = started;
    const verdict = records.find((record) => record.type === 'gate.verdict' && record.step === step);
    const end = records.find((record) => record.type === 'step.done' && record.step === step);
    const done = records.find((record) => record.type === 'done' && record.step === step);
    const gate = verdict?.type === 'gate.verdict' ? verdict.gate : undefined;
    const gateStart = records.find((record) => record.type === 'gate.phase' && record.gate === gate);
    if (!verdict || !end || done?.type !== 'done' || !gateStart) throw new Error(`the journal of ${step} has gaps`);
    const stepMs = end.monoMs - started.monoMs;
    const gateMs = verdict.monoMs - gateStart.monoMs;
    return [
      { beyondMs: stepMs - done.tookMs - gateMs, stopStartMs: done.tookMs, notReadyMs: gateMs - configuredGateMs },
    ];
  });
  if (steps.length !== 4) throw new Error(`the journal has ${steps.length} upgraded nodes, 4 are meant`);
  const worst = Math.max(...steps.map(({ beyondMs }) => beyondMs));
  reportLimit('Process lab: time per upgraded node beyond stop + start + gate window', worst, 100, {
    unit: 'ms',
    measured: `${median(steps.map(({ beyondMs }) => beyondMs)).toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
    how: 'journal of a rolling upgrade of 4 nodes: step, less recorded stop and start, less the gate from its first phase to its verdict',
  });
  report({
    figure: 'Of that upgrade: stop and start of a node; gate beyond its settling and window',
    measured: `${median(steps.map(({ stopStartMs }) => stopStartMs)).toFixed(0)} ms; ${median(steps.map(({ notReadyMs }) => notReadyMs)).toFixed(0)} ms`,
    how: 'medians; the second is mostly the node becoming ready',
  });
}
