import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, openSync, closeSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock } from '../../src/core/clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import { waitFor } from '../../src/core/wait.ts';
import { connectDocker } from '../../src/lab/docker/connection.ts';
import { createEngineNetwork, removeEngineNetwork, type EngineNetwork } from './engine-network.ts';

const PREFIX = 'seatrial-engine-';
const START_TIMEOUT_MS = 40_000;
const STOP_TIMEOUT_MS = 20_000;

/** What is needed to stop an engine, also by a later run when this one is killed. */
interface EngineRecord {
  folder: string;
  owner: ProcessMark;
  daemon: ProcessMark | undefined;
  network: EngineNetwork;
}

/** A process that cannot be mistaken for a later one with the same number. */
interface ProcessMark {
  pid: number;
  startTicks: string;
}

export interface OwnDockerd {
  dockerHost: string;
  stop(): Promise<void>;
}

/** Starts a Docker engine with everything of its own (data, socket, containerd namespace, bridge), beside any other. Needs root. */
export async function startOwnDockerd(): Promise<OwnDockerd> {
  await stopAbandonedEngines();
  const id = randomBytes(3).toString('hex');
  const folder = join(tmpdir(), `${PREFIX}${id}`);
  await mkdir(folder, { mode: 0o700 });
  const owner = await markOf(process.pid);
  if (!owner) throw new Error('cannot read /proc of this process');
  const record: EngineRecord = { folder, owner, daemon: undefined, network: await createEngineNetwork(id) };
  try {
    await save(record);
    await writeFile(join(folder, 'daemon.json'), '{}\n');
    const log = openSync(join(folder, 'dockerd.log'), 'a');
    // Its own session: an interrupt from the terminal must not end it before the containers on it.
    const daemon = spawn('dockerd', daemonArguments(folder, id, record.network), {
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    let ended = false;
    daemon.once('exit', () => (ended = true));
    daemon.once('error', () => (ended = true));
    daemon.unref();
    record.daemon = daemon.pid === undefined ? undefined : await markOf(daemon.pid);
    await save(record);
    const host = `unix://${join(folder, 'docker.sock')}`;
    const up = async (): Promise<true | undefined> => {
      await connectDocker({ host, timeoutMs: 2000 });
      return true;
    };
    await waitFor(async () => (ended ? true : up()), {
      clock: systemClock,
      what: 'the Docker engine to answer',
      timeoutMs: START_TIMEOUT_MS,
      intervalMs: 100,
    });
    if (ended) throw new Error('it ended at once');
    return { dockerHost: host, stop: () => stopEngine(record) };
  } catch (error) {
    const log = await readFile(join(folder, 'dockerd.log'), 'utf8').catch(() => '');
    await stopEngine(record);
    const lines = log.trim().split('\n').slice(-8).join('\n');
    throw new Error(`a Docker engine for the tests did not start: ${messageOf(error)}\n${lines}`, { cause: error });
  }
}

function daemonArguments(folder: string, id: string, network: EngineNetwork): string[] {
  return [
    `--config-file=${join(folder, 'daemon.json')}`,
    `--host=unix://${join(folder, 'docker.sock')}`,
    `--pidfile=${join(folder, 'docker.pid')}`,
    `--data-root=${join(folder, 'data')}`,
    `--exec-root=${join(folder, 'exec')}`,
    `--containerd-namespace=seatrial-${id}`,
    `--containerd-plugins-namespace=seatrial-${id}-plugins`,
    `--bridge=${network.bridge}`,
    `--default-address-pool=${network.addressPool}`,
    '--iptables=false',
    '--ip6tables=false',
    '--ip-masq=false',
    '--ip-forward=false',
    '--exec-opt=native.cgroupdriver=cgroupfs',
    '--shutdown-timeout=5',
    '--log-level=warn',
  ];
}

/** Stops exactly this engine, with its containers and helpers, and removes what it made on the machine. */
async function stopEngine({ folder, daemon, network }: EngineRecord): Promise<void> {
  if (daemon && (await isSame(daemon))) {
    const bridges = await emptyEngine(`unix://${join(folder, 'docker.sock')}`).catch(() => []);
    await endProcess(daemon);
    for (const bridge of bridges) {
      if (existsSync(`/sys/class/net/${bridge}`)) await execa('ip', ['link', 'del', bridge], { reject: false });
    }
  }
  // Its containerd and shims carry the folder's unique name in their arguments.
  for (const mark of await processesNaming(folder)) await endProcess(mark);
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) {
    await execa('umount', ['-l', mount], { reject: false });
  }
  await removeEngineNetwork(network);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Removes all containers and networks of the engine, so that it ends at once; gives the names of the networks' bridges. */
async function emptyEngine(host: string): Promise<string[]> {
  const { docker } = await connectDocker({ host });
  const containers = await docker.listContainers({ all: true });
  await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
  const networks = (await docker.listNetworks()).filter(({ Name }) => !['bridge', 'host', 'none'].includes(Name));
  await Promise.all(networks.map(({ Id }) => docker.getNetwork(Id).remove()));
  return networks.map(({ Id }) => `br-${Id.slice(0, 12)}`);
}

/** Stops the engines of earlier runs that were killed before they could. */
async function stopAbandonedEngines(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    const text = await readFile(join(tmpdir(), name, 'engine.json'), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const record = JSON.parse(text) as EngineRecord;
    if (!(await isSame(record.owner))) await stopEngine(record);
  }
}

async function save(record: EngineRecord): Promise<void> {
  await writeFile(join(record.folder, 'engine.json'), JSON.stringify(record));
}

async function endProcess(mark: ProcessMark): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isSame(mark))) return;
    process.kill(mark.pid, signal);
    const gone = waitFor(async () => ((await isSame(mark)) ? undefined : true), {
      clock: systemClock,
      what: `process ${mark.pid} to end`,
      timeoutMs: STOP_TIMEOUT_MS,
    });
    if (await gone.catch(() => false)) return;
  }
}

async function processesNaming(folder: string): Promise<ProcessMark[]> {
  const marks: ProcessMark[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const isEngine = /^\S*(dockerd|containerd|containerd-shim\S*|docker-proxy|runc)\0/.test(command);
    if (!isEngine || !command.includes(`${folder}/`)) continue;
    const mark = await markOf(Number(entry));
    if (mark) marks.push(mark);
  }
  return marks;
}

async function isSame({ pid, startTicks }: ProcessMark): Promise<boolean> {
  return (await markOf(pid))?.startTicks === startTicks;
}

/** The process's start in clock ticks since boot, from /proc; undefined when it is gone or only waits to be collected. */
async function markOf(pid: number): Promise<ProcessMark | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in brackets and may hold anything; state is the first field after it, start the 20th.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields?.[19];
  return startTicks === undefined || fields?.[0] === 'Z' ? undefined : { pid, startTicks };
}
