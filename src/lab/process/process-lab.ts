import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { abortedError } from '../../core/clock.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import type {
  CallOptions,
  LabLease,
  LaunchingLab,
  LeaseOwner,
  LogLine,
  NodeIdentity,
  NodeObservation,
  RestoreOptions,
  SnapshotManifest,
  SnapshotOptions,
} from '../lab.ts';
import { writeSnapshot } from '../snapshot-archive.ts';
import { verifySnapshot } from '../verify-snapshot.ts';
import { endProcess, sameProcess, sendSignal, waitForEffect } from './end-process.ts';
import { clearFolder, folderEntries, folderSizeBytes, unpackInto } from './folder-snapshot.ts';
import { takeFileLease } from './lease-file.ts';
import { rotateWhileRunning } from './log-rotation.ts';
import { tailLog } from './log-tail.ts';
import { findMarked, markEnvironment, type MarkedProcess } from './mark.ts';
import { ownFiles, placeNodeFiles, requireInside, wipeData } from './node-files.ts';
import { requireFreePorts } from './ports.ts';
import { bootTimeMs, isPaused, readBootId, readCommandLine, readStat, ticksToMs, type ProcessStat } from './proc.ts';
import { ProgramHasher } from './program.ts';
import { nodePaths, readRecord, writeRecord, type NodePaths, type ProcessRecord } from './record.ts';
import { nodeEnvironment, spawnNode } from './spawn-node.ts';

const DEFAULT_TAIL_LINES = 100;
/** Generation of a process that is ours by its mark but whose record was lost; equal to none, so that it is replaced. */
const UNKNOWN_GENERATION = 'unknown';
/** A recorded start further than this from what the system tells was overtaken by a jump of the wall clock. */
const RECORDED_START_TOLERANCE_MS = 1000;

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
export function createProcessLab(options: ProcessLabOptions): LaunchingLab {
  if (process.platform !== 'linux' || !existsSync('/proc/self/stat')) {
    throw new LabError(`the process lab needs Linux with /proc; this is ${process.platform}. Use a Docker lab here.`);
  }
  return new ProcessLab(options);
}

/** A node's record and the living process that belongs to it, where there is one. */
interface Found {
  paths: NodePaths;
  record: ProcessRecord | undefined;
  stat: ProcessStat | undefined;
}

class ProcessLab implements LaunchingLab {
  readonly kind = 'process';
  readonly #testnet: string;
  readonly #stateDir: string;
  readonly #clock: Clock;
  readonly #bootId = readBootId();
  readonly #bootAtMs: number;
  readonly #hasher = new ProgramHasher();
  /** Exit codes of nodes that this very command started, by nonce; nobody else can learn them. */
  readonly #exitCodes = new Map<string, number>();
  /** Instances that were asked to stop and are not gone yet. */
  readonly #stopping = new Set<string>();
  #scan: Promise<MarkedProcess[]> | undefined;

  constructor({ topology, clock }: ProcessLabOptions) {
    this.#testnet = topology.testnet;
    this.#stateDir = resolve(topology.stateDir);
    this.#clock = clock;
    this.#bootAtMs = bootTimeMs(clock.wallMs());
  }

  async launch(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const found = await this.#find(node.name, options);
    if (found.stat) {
      throw new LabError(`${node.name} cannot be launched: it is running as pid ${found.stat.pid}`, {
        details: { node: node.name, pid: found.stat.pid },
      });
    }
    await this.#run(node, found, options);
  }

  async start(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const found = await this.#find(node.name, options);
    if (!found.record) {
      throw new LabError(`${node.name} cannot be started: it does not exist`, { details: { node: node.name } });
    }
    if (found.stat) {
      if (isPaused(found.stat)) await this.signal(node, 'SIGCONT', options);
      return;
    }
    await this.#run(found.record.definition, found, options);
  }

  async stop(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const { paths, record, stat } = await this.#find(node.name, options);
    if (!stat) {
      if (record) await this.#endDescendants(node.name, record.nonce);
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
      await this.#endDescendants(node.name, record?.nonce);
    } finally {
      if (shouldAsk) this.#stopping.delete(instance);
    }
  }

  async signal(node: TopologyNode, signal: NodeJS.Signals, options: CallOptions = {}): Promise<void> {
    const { stat } = await this.#find(node.name, options);
    if (!stat)
      throw new LabError(`${signal} to ${node.name}: it is not running`, { details: { node: node.name, signal } });
    sendSignal(stat, signal, node.name);
    await waitForEffect(stat, signal, { clock: this.#clock, node: node.name, ...options });
  }

  async observe(node: TopologyNode, options: CallOptions = {}): Promise<NodeObservation> {
    const { paths, record, stat } = await this.#find(node.name, options);
    if (!stat) return record ? this.#stopped(record) : { node: node.name, state: 'absent' };
    if (record) await rotateWhileRunning(paths.logDir, this.#clock);
    const program = await this.#hasher.running(stat.pid, readCommandLine(stat.pid), record?.program ?? null);
    // Without an executable it is ending: once the system has cleared it away its exit code is known.
    if (!program) await waitForEffect(stat, 'SIGKILL', { clock: this.#clock, node: node.name, ...options });
    // It may have ended while it was looked at; what was read then is worth nothing.
    const now = sameProcess(stat);
    if (!program || !now) return record ? this.#stopped(record) : { node: node.name, state: 'absent' };
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
    const { record } = await this.#find(node.name, options);
    if (!record) throw new LabError(`exec on ${node.name}: it does not exist`, { details: { node: node.name } });
    const { execBeside } = await import('./exec.ts');
    const { dataDir: cwd } = record.definition;
    return execBeside(
      { node: node.name, command, cwd, env: nodeEnvironment(record.definition), clock: this.#clock },
      options,
    );
  }

  async logs(node: TopologyNode, options: CallOptions & { tail?: number; sinceMs?: number } = {}): Promise<LogLine[]> {
    const { logDir } = this.#paths(node.name);
    return tailLog(node.name, logDir, { tail: options.tail ?? DEFAULT_TAIL_LINES, sinceMs: options.sinceMs });
  }

  async wipe(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const { record } = await this.#requireStopped(node.name, 'wiped', options);
    if (!record)
      throw new LabError(`${node.name} cannot be wiped: it does not exist`, { details: { node: node.name } });
    await wipeData(this.#stateDir, record.definition);
  }

  async dataSizeBytes(node: TopologyNode, options: CallOptions = {}): Promise<number> {
    const { dataDir } = await this.#definition(node.name, 'measured', options);
    return folderSizeBytes(dataDir);
  }

  async snapshot(node: TopologyNode, folder: string, options: SnapshotOptions): Promise<SnapshotManifest> {
    await this.#requireStopped(node.name, 'copied', options);
    const definition = await this.#definition(node.name, 'copied', options);
    const createdAt = new Date(this.#clock.wallMs()).toISOString();
    const entries = folderEntries(definition.dataDir, ownFiles(definition));
    return writeSnapshot(folder, { testnet: this.#testnet, node: definition, createdAt }, entries, options);
  }

  async restore(node: TopologyNode, folder: string, options: RestoreOptions): Promise<void> {
    await this.#requireStopped(node.name, 'restored', options);
    const definition = await this.#definition(node.name, 'restored', options);
    const { dataDir } = definition;
    requireInside(this.#stateDir, definition, dataDir);
    const manifest = await verifySnapshot(folder, { testnet: this.#testnet, node: node.name }, options);
    try {
      await clearFolder(dataDir, ownFiles(definition));
      await unpackInto(dataDir, folder, manifest, options.signal);
    } catch (cause) {
      if (options.signal?.aborted) throw abortedError(options.signal);
      throw new LabError(`the data of ${node.name} was put back in part only: ${messageOf(cause)}`, {
        details: { node: node.name, folder },
        cause,
      });
    }
  }

  async remove(node: TopologyNode, options: CallOptions = {}): Promise<void> {
    const { paths, record } = await this.#requireStopped(node.name, 'removed', options);
    if (record) await wipeData(this.#stateDir, record.definition);
    await rm(paths.folder, { recursive: true, force: true });
    await rmdir(join(this.#stateDir, 'nodes')).catch((error: unknown) => {
      if (!isErrno(error, 'ENOTEMPTY') && !isErrno(error, 'ENOENT') && !isErrno(error, 'EEXIST')) throw error;
    });
  }

  async list(): Promise<string[]> {
    const folder = join(this.#stateDir, 'nodes');
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const recorded = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const marked = (await this.#marked()).map(({ node }) => node);
    return [...new Set([...recorded, ...marked])].sort();
  }

  endpoint(node: TopologyNode, port: string): string {
    const found = node.ports.find(({ name }) => name === port);
    if (!found) {
      const known = node.ports.map(({ name }) => name).join(', ') || 'none';
      throw new LabError(`${node.name} has no port "${port}"; it has: ${known}`, {
        details: { node: node.name, port },
      });
    }
    const host = node.bindAddress === '0.0.0.0' ? '127.0.0.1' : node.bindAddress;
    return `http://${host.includes(':') ? `[${host}]` : host}:${found.hostPort}`;
  }

  takeLease(testnet: string, owner: LeaseOwner, options: CallOptions & { lastToken?: number } = {}): Promise<LabLease> {
    return takeFileLease({ ...options, testnet, owner, stateDir: this.#stateDir });
  }

  async close(): Promise<void> {
    // Nodes outlive the lab object, and it holds nothing open.
  }

  /** Intent, start, record. A crash in between leaves an intent whose nonce leads to the process. */
  async #run(node: TopologyNode, { paths, record: last }: Found, { signal }: CallOptions): Promise<void> {
    await requireFreePorts(node);
    await placeNodeFiles(this.#stateDir, node, last?.definition);
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
      program: programPath === undefined ? null : await this.#measure(node, programPath),
      stopRequestedAtMs: null,
      definition: node,
    };
    if (signal?.aborted) throw abortedError(signal);
    await writeRecord(paths, intent);
    const mark = markEnvironment({ testnet: this.#testnet, node: node.name, nonce, stateDir: this.#stateDir });
    const { child, pid, startTicks } = await spawnNode(node, paths.logDir, mark);
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

  async #measure(node: TopologyNode, programPath: string): ReturnType<ProgramHasher['measure']> {
    try {
      return await this.#hasher.measure(programPath);
    } catch (cause) {
      throw new LabError(`the program ${programPath} of ${node.name} cannot be read: ${messageOf(cause)}`, {
        details: { node: node.name, programPath },
        cause,
      });
    }
  }

  async #find(name: string, { signal }: CallOptions): Promise<Found> {
    if (signal?.aborted) throw abortedError(signal);
    const paths = this.#paths(name);
    const record = await readRecord(paths);
    return { paths, record, stat: await this.#processOf(name, record) };
  }

  /** A pid is the node's only together with its start ticks and this boot; without a pid only its mark tells. */
  async #processOf(name: string, record: ProcessRecord | undefined): Promise<ProcessStat | undefined> {
    if (record && record.bootId !== this.#bootId) return undefined;
    if (record && record.pid !== null && record.startTicks !== null) {
      return sameProcess({ pid: record.pid, startTicks: record.startTicks });
    }
    const marked = await this.#marked();
    return marked.find(({ node, nonce }) => node === name && (!record || nonce === record.nonce))?.stat;
  }

  /** One look through /proc serves all callers that ask while it lasts. */
  #marked(): Promise<MarkedProcess[]> {
    this.#scan ??= findMarked(this.#testnet, this.#stateDir).finally(() => (this.#scan = undefined));
    return this.#scan;
  }

  /** Children that a node left behind go as they would with a container. */
  async #endDescendants(name: string, nonce: string | undefined): Promise<void> {
    // A look of its own: a shared one may have begun before the node was gone.
    for (const marked of await findMarked(this.#testnet, this.#stateDir)) {
      if (marked.node === name && (nonce === undefined || marked.nonce === nonce)) {
        sendSignal(marked.stat, 'SIGKILL', name);
      }
    }
  }

  /** What the node was last started as. */
  async #definition(name: string, verb: string, options: CallOptions): Promise<TopologyNode> {
    const { record } = await this.#find(name, options);
    if (record) return record.definition;
    throw new LabError(`${name} cannot be ${verb}: it does not exist`, { details: { node: name } });
  }

  async #requireStopped(name: string, verb: string, options: CallOptions): Promise<Found> {
    const found = await this.#find(name, options);
    if (!found.stat) return found;
    throw new LabError(`${name} cannot be ${verb}: it is running as pid ${found.stat.pid}`, {
      details: { node: name, pid: found.stat.pid },
    });
  }

  /** The system's own word is exact to two ticks; within that the recorded time is the same for every observer. */
  #startOf(stat: ProcessStat, record: ProcessRecord | undefined): number {
    const toldMs = this.#bootAtMs + ticksToMs(stat.startTicks);
    const isRecorded = record && Math.abs(toldMs - record.startedAtMs) < RECORDED_START_TOLERANCE_MS;
    return isRecorded ? record.startedAtMs : Math.round(toldMs);
  }

  #stopped(record: ProcessRecord): NodeObservation {
    const zombie = record.pid === null ? undefined : readStat(record.pid);
    const exitCode =
      this.#exitCodes.get(record.nonce) ??
      (zombie && zombie.startTicks === record.startTicks ? zombie.exitCode : undefined);
    const isAsked = record.stopRequestedAtMs !== null;
    return {
      node: record.definition.name,
      state: 'stopped',
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(isAsked ? {} : { detail: this.#detailOfEnd(record, exitCode) }),
    };
  }

  #detailOfEnd(record: ProcessRecord, exitCode: number | undefined): string {
    const { name } = record.definition;
    if (record.bootId !== this.#bootId) return `${name} ended when the machine was restarted`;
    return `${name} ended by itself${exitCode === undefined ? '' : ` with exit code ${exitCode}`}`;
  }

  #paths(name: string): NodePaths {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw new LabError(`"${name}" is not a node name`);
    return nodePaths(this.#stateDir, name);
  }
}

function instanceOf({ pid, startTicks }: ProcessStat): string {
  return `${pid}:${startTicks}`;
}
