import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { abortedError } from '../../core/clock.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { isErrno, removeIfEmpty } from '../../core/files.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import type { FaultPort } from '../faults.ts';
import type {
  CallOptions,
  LabLease,
  LeaseOwner,
  LogLine,
  LogStreamOptions,
  NodeIdentity,
  NodeObservation,
  RestoreOptions,
  SnapshotManifest,
  SnapshotOptions,
} from '../lab.ts';
import { LabDaemon } from './daemon/lab-daemon-client.ts';
import type { Alteration, ProcessLab } from './alterable-lab.ts';
import { endProcess, sameProcess, sendSignal, waitForEffect } from './end-process.ts';
import { createProcessFaultPort } from './faults/process-fault-port.ts';
import type * as folderSnapshot from './folder-snapshot.ts';
import { takeFileLease } from '../lease-file.ts';
import { linkedNode } from './links/linked-node.ts';
import { rotateWhileRunning } from './log-rotation.ts';
import { streamLog } from './log-stream.ts';
import { tailLog } from './log-tail.ts';
import { findMarked, markEnvironment } from './mark.ts';
import { NodeProcesses, type FoundNode } from './node-processes.ts';
import { ownFiles, placeNodeFiles, requireInside, wipeData } from './node-files.ts';
import { requireFreePorts } from './ports.ts';
import { bootTimeMs, isPaused, readBootId, readCommandLine, ticksToMs, type ProcessStat } from './proc.ts';
import { ProgramHasher } from './program.ts';
import { urlOf } from './node-url.ts';
import { writeRecord, type ProcessRecord } from './record.ts';
import { nodeEnvironment, spawnNode } from './spawn-node.ts';
import { stoppedObservation } from './stopped-observation.ts';

const DEFAULT_TAIL_LINES = 100;
/** Generation of a process that is ours by its mark but whose record was lost; equal to none, so that it is replaced. */
const UNKNOWN_GENERATION = 'unknown';
/** A recorded start further than this from what the system tells was overtaken by a jump of the wall clock. */
const RECORDED_START_TOLERANCE_MS = 1000;

/** Few commands copy a node's data or put it back, and what does it takes its time to load. */
const copies = (): Promise<typeof folderSnapshot> => import('./folder-snapshot.ts');

interface ProcessLabOptions {
  /** The testnet's name and state folder are all that is used of it. */
  topology: Pick<Topology, 'testnet' | 'stateDir'>;
  clock: Clock;
}

/**
 * A lab of plain child processes on loopback, which outlive the command that started them. What is known of a node is in
 * `<stateDir>/nodes/<name>`: process.json, data/, logs/. A stop uses the signal that the running process was defined with, and the
 * caller's grace time; nodes of an earlier topology can be stopped and removed by their name alone. Linux only.
 */
export function createProcessLab(options: ProcessLabOptions): ProcessLab {
  if (process.platform !== 'linux' || !existsSync('/proc/self/stat')) {
    throw new LabError(`the process lab needs Linux with /proc; this is ${process.platform}. Use a Docker lab here.`);
  }
  return new LocalProcessLab(options);
}

class LocalProcessLab implements ProcessLab {
  readonly kind = 'process';
  readonly #testnet: string;
  readonly #stateDir: string;
  readonly #clock: Clock;
  readonly #bootId = readBootId();
  readonly #nodes: NodeProcesses;
  readonly #bootAtMs: number;
  readonly #hasher = new ProgramHasher();
  readonly #daemon: LabDaemon;
  readonly faults: FaultPort;
  /** Exit codes of nodes that this very command started, by nonce; nobody else can learn them. */
  readonly #exitCodes = new Map<string, number>();
  /** Instances that were asked to stop and are not gone yet. */
  readonly #stopping = new Set<string>();

  constructor({ topology, clock }: ProcessLabOptions) {
    this.#testnet = topology.testnet;
    this.#stateDir = resolve(topology.stateDir);
    this.#clock = clock;
    this.#nodes = new NodeProcesses({ testnet: this.#testnet, stateDir: this.#stateDir, bootId: this.#bootId });
    this.#bootAtMs = bootTimeMs(clock.wallMs());
    this.#daemon = new LabDaemon({ testnet: this.#testnet, stateDir: this.#stateDir, clock });
    this.faults = createProcessFaultPort({ daemon: this.#daemon, stateDir: this.#stateDir, clock });
  }

  async launch(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const found = await this.#nodes.find(node.name, options);
    if (found.stat) {
      throw new LabError(`${node.name} cannot be launched: it is running as pid ${found.stat.pid}`, {
        details: { node: node.name, pid: found.stat.pid },
      });
    }
    await this.#run(node, found, options);
  }

  async start(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const found = await this.#nodes.find(node.name, options);
    const definition = await this.#nodes.definition(node.name, 'started', options);
    if (!found.stat) await this.#run(definition, found, options);
    else if (isPaused(found.stat)) await this.signal(node, 'SIGCONT', options);
  }

  async startAltered(node: TopologyNode, alteration: Alteration, options: CallOptions = {}): Promise<void> {
    const found = await this.#nodes.requireStopped(node.name, 'started', options);
    await this.#run(await this.#nodes.definition(node.name, 'started', options), found, options, alteration);
  }

  async defined(name: string): Promise<TopologyNode | undefined> {
    return (await this.#nodes.find(name, {})).record?.definition;
  }

  async processes(name: string): Promise<ProcessStat[]> {
    const { stat } = await this.#nodes.find(name, {});
    const marked = (await findMarked(this.#testnet, this.#stateDir)).filter(({ node }) => node === name);
    const children = marked.map((one) => one.stat).filter(({ pid }) => pid !== stat?.pid);
    return stat ? [stat, ...children] : children;
  }

  async stop(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const { paths, record, stat } = await this.#nodes.find(node.name, options);
    if (!stat) {
      if (record) await this.#nodes.endDescendants(node.name, record.nonce);
      return;
    }
    const instance = instanceOf(stat);
    const shouldAsk = !this.#stopping.has(instance);
    this.#stopping.add(instance);
    try {
      if (record && shouldAsk) await writeRecord(paths, { ...record, stopRequestedAtMs: this.#clock.wallMs() });
      await endProcess(stat, {
        clock: this.#clock,
        node: node.name,
        stop: { ...node.stop, signal: record?.definition.stop.signal ?? node.stop.signal },
        shouldAsk,
        signal: options.signal,
        timeoutMs: options.timeoutMs,
      });
      await this.#nodes.endDescendants(node.name, record?.nonce);
    } finally {
      if (shouldAsk) this.#stopping.delete(instance);
    }
  }

  async signal(node: TopologyNode, signal: NodeJS.Signals, options: CallOptions = {}): Promise<void> {
    const { stat } = await this.#nodes.find(node.name, options);
    if (!stat)
      throw new LabError(`${signal} to ${node.name}: it is not running`, { details: { node: node.name, signal } });
    sendSignal(stat, signal, node.name);
    await waitForEffect(stat, signal, { clock: this.#clock, node: node.name, ...options });
  }

  async observe(node: TopologyNode, options: CallOptions = {}): Promise<NodeObservation> {
    const { paths, record, stat } = await this.#nodes.find(node.name, options);
    if (!stat) return record ? this.#stoppedBy(record) : { node: node.name, state: 'absent' };
    if (record) await rotateWhileRunning(paths.logDir, this.#clock);
    const program = await this.#hasher.running(stat.pid, readCommandLine(stat.pid), record?.program ?? null);
    // Without an executable it is ending: once the system has cleared it away its exit code is known.
    if (!program) await waitForEffect(stat, 'SIGKILL', { clock: this.#clock, node: node.name, ...options });
    // It may have ended while it was looked at; what was read then is worth nothing.
    const now = sameProcess(stat);
    if (!program || !now) return record ? this.#stoppedBy(record) : { node: node.name, state: 'absent' };
    const identity: NodeIdentity = {
      digest: program.digest,
      command: program.arguments,
      generation: record?.generation ?? UNKNOWN_GENERATION,
      startedAtMs: this.#startOf(stat, record),
      instance: instanceOf(stat),
      pid: stat.pid,
    };
    const detail = record ? program.detail : `pid ${stat.pid} carries its mark, but its record is gone`;
    return {
      node: node.name,
      state: isPaused(now) ? 'paused' : 'running',
      identity,
      ...(detail === undefined ? {} : { detail: `${node.name}: ${detail}` }),
    };
  }

  async exec(
    node: TopologyNode,
    command: string[],
    options: CallOptions = {},
  ): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { record } = await this.#nodes.find(node.name, options);
    if (!record) throw new LabError(`exec on ${node.name}: it does not exist`, { details: { node: node.name } });
    const { execBeside } = await import('./exec.ts');
    const { dataDir: cwd } = record.definition;
    return execBeside(
      { node: node.name, command, cwd, env: nodeEnvironment(record.definition), clock: this.#clock },
      options,
    );
  }

  async logs(node: TopologyNode, options: CallOptions & { tail?: number; sinceMs?: number } = {}): Promise<LogLine[]> {
    const { logDir } = this.#nodes.paths(node.name);
    return tailLog(node.name, logDir, { tail: options.tail ?? DEFAULT_TAIL_LINES, sinceMs: options.sinceMs });
  }

  streamLogs(node: Pick<TopologyNode, 'name'>, options: LogStreamOptions = {}): AsyncIterable<LogLine> {
    const { logDir } = this.#nodes.paths(node.name);
    return streamLog(node.name, logDir, { ...options, clock: this.#clock });
  }

  async wipe(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const { record } = await this.#nodes.requireStopped(node.name, 'wiped', options);
    if (!record)
      throw new LabError(`${node.name} cannot be wiped: it does not exist`, { details: { node: node.name } });
    await wipeData(this.#stateDir, record.definition);
  }

  async dataSizeBytes(node: TopologyNode, options: CallOptions = {}): Promise<number> {
    const { dataDir } = await this.#nodes.definition(node.name, 'measured', options);
    const { folderSizeBytes } = await copies();
    return folderSizeBytes(dataDir);
  }

  async snapshot(node: TopologyNode, folder: string, options: SnapshotOptions): Promise<SnapshotManifest> {
    await this.#nodes.requireStopped(node.name, 'copied', options);
    const definition = await this.#nodes.definition(node.name, 'copied', options);
    const createdAt = new Date(this.#clock.wallMs()).toISOString();
    const about = { testnet: this.#testnet, node: definition, createdAt };
    const { copyFolder } = await copies();
    return copyFolder(definition.dataDir, ownFiles(definition), folder, about, options);
  }

  async restore(node: TopologyNode, folder: string, options: RestoreOptions): Promise<void> {
    const { record } = await this.#nodes.requireStopped(node.name, 'restored', options);
    const definition = record?.definition ?? node;
    const { dataDir } = definition;
    requireInside(this.#stateDir, definition, dataDir);
    const { putFolderBack } = await copies();
    await putFolderBack(dataDir, ownFiles(definition), folder, { testnet: this.#testnet, node: node.name }, options);
  }

  async remove(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const { paths, record } = await this.#nodes.requireStopped(node.name, 'removed', options);
    if (record) await wipeData(this.#stateDir, record.definition);
    await rm(paths.folder, { recursive: true, force: true });
    if (await removeIfEmpty(join(this.#stateDir, 'nodes'))) await this.#daemon.end();
    // A node without links may have faults.
    else await this.#daemon.askIfThere({ op: 'detach', node: node.name });
  }

  async list(): Promise<string[]> {
    const folder = join(this.#stateDir, 'nodes');
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const recorded = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const marked = (await this.#nodes.marked()).map(({ node }) => node);
    return [...new Set([...recorded, ...marked])].sort();
  }

  endpoint(node: TopologyNode, port: string): string {
    return urlOf(node, port, node.bindAddress === '0.0.0.0' ? '127.0.0.1' : node.bindAddress);
  }

  clientEndpoint(node: TopologyNode, port: string): string {
    return node.links ? urlOf(node, port, node.links.clientAddress) : this.endpoint(node, port);
  }

  takeLease(testnet: string, owner: LeaseOwner, options: CallOptions & { lastToken?: number } = {}): Promise<LabLease> {
    return takeFileLease({ ...options, testnet, owner, stateDir: this.#stateDir });
  }

  async rest(options: CallOptions = {}): Promise<void> {
    const names = await this.list();
    const found = await Promise.all(names.map((name) => this.#nodes.find(name, options)));
    if (found.every(({ stat }) => !stat)) await this.#daemon.end();
  }

  async close(): Promise<void> {
    // Nodes outlive the lab object, and it holds nothing open.
  }

  /** Intent, start, record. A crash in between leaves an intent whose nonce leads to the process. */
  async #run(
    node: TopologyNode,
    { paths, record: last }: FoundNode,
    { signal }: CallOptions,
    { env = {}, keepsFiles = false }: Alteration = {},
  ): Promise<void> {
    await requireFreePorts(node);
    if (!keepsFiles) await placeNodeFiles(this.#stateDir, node, last?.definition);
    const nonce = randomBytes(8).toString('hex');
    const { programPath } = node.release;
    const intent: ProcessRecord = {
      formatVersion: 1,
      nonce,
      bootId: this.#bootId,
      pid: null,
      startTicks: null,
      startedAtMs: this.#clock.wallMs(),
      command: node.command,
      generation: node.generation,
      program: programPath === undefined ? null : await this.#hasher.measureFor(node.name, programPath),
      stopRequestedAtMs: null,
      definition: node,
    };
    if (signal?.aborted) throw abortedError(signal);
    await writeRecord(paths, intent);
    const linked = linkedNode(node);
    // The record stands by now: a daemon without any ends by itself.
    if (linked) await this.#daemon.ask({ op: 'attach', node: linked }, { signal });
    const mark = markEnvironment({ testnet: this.#testnet, node: node.name, nonce, stateDir: this.#stateDir });
    const { child, pid, startTicks } = await spawnNode(node, paths.logDir, { ...env, ...mark });
    child.once('exit', (code, by) => this.#exitCodes.set(nonce, code ?? 128 + (by ? constants.signals[by] : 0)));
    try {
      await writeRecord(paths, { ...intent, pid, startTicks });
    } catch (cause) {
      const stat = sameProcess({ pid, startTicks });
      if (stat) sendSignal(stat, 'SIGKILL', node.name);
      throw new LabError(`${node.name} was ended again: its process could not be recorded: ${messageOf(cause)}`, {
        details: { node: node.name, pid },
        cause,
      });
    }
  }

  /** The system's own word is exact to two ticks; within that the recorded time is the same for every observer. */
  #startOf(stat: ProcessStat, record: ProcessRecord | undefined): number {
    const toldMs = this.#bootAtMs + ticksToMs(stat.startTicks);
    const isRecorded = record && Math.abs(toldMs - record.startedAtMs) < RECORDED_START_TOLERANCE_MS;
    return isRecorded ? record.startedAtMs : Math.round(toldMs);
  }

  #stoppedBy(record: ProcessRecord): NodeObservation {
    return stoppedObservation(record, { exitCode: this.#exitCodes.get(record.nonce), bootId: this.#bootId });
  }
}

function instanceOf({ pid, startTicks }: ProcessStat): string {
  return `${pid}:${startTicks}`;
}
