import { constants } from 'node:os';
import { abortedError, type Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import type { FaultPort } from '../faults.ts';
import type { LaunchingLab, LogLine, NodeObservation } from '../lab.ts';
import { writeSnapshot } from '../snapshot-archive.ts';
import { verifySnapshot } from '../verify-snapshot.ts';
import { DATA_SIZE_BYTES, fakeData, heightIn } from './fake-data.ts';
import { createFakeFaultPort } from './fake-fault-port.ts';
import { takeFakeLease } from './fake-lease.ts';
import { FakeWorld, type FakeNode, type FakeScript } from './fake-world.ts';

const POLL_MS = 5;
const DEFAULT_TAIL_LINES = 100;
const LOG_POLL_MS = 100;

interface FakeLabOptions {
  topology: Pick<Topology, 'testnet'>;
  /** As a rule a virtual one. */
  clock: Clock;
  /** How starts go. Ignored when `world` is given, which has its own. */
  script?: FakeScript;
  /** Act in a world that is there already, as a second command would. */
  world?: FakeWorld;
  /** Answers `exec`. Default: exit code 0, no output. */
  exec?: (node: TopologyNode, command: readonly string[]) => { exitCode: number; stdout: string; stderr: string };
}

/** A lab whose nodes exist in memory only. */
export interface FakeLab extends LaunchingLab {
  readonly world: FakeWorld;
  readonly faults: FaultPort;
}

export function createFakeLab(options: FakeLabOptions): FakeLab {
  const { topology, clock, exec = () => ({ exitCode: 0, stdout: '', stderr: '' }) } = options;
  const world =
    options.world ?? new FakeWorld({ clock, ...(options.script === undefined ? {} : { script: options.script }) });

  const requireOwn = (name: string): void => {
    if (world.foreign.has(name)) throw new LabError(`something that this lab did not make holds the name ${name}`);
  };
  const requireNode = (name: string, verb: string): FakeNode => {
    requireOwn(name);
    const node = world.nodes.get(name);
    if (node) return node;
    throw new LabError(`${name} cannot be ${verb}: it does not exist`, {
      details: { node: name, testnet: topology.testnet },
    });
  };
  const requireStopped = (name: string, verb: string): void => {
    if (world.isAlive(name)) {
      throw new LabError(`${name} cannot be ${verb}: it is running`, {
        details: { node: name, testnet: topology.testnet },
      });
    }
  };

  const run = async (definition: TopologyNode, action: 'launch' | 'start', signal?: AbortSignal): Promise<void> => {
    requireGoing(signal);
    const node = world.prepare(definition);
    world.note(definition.name, action);
    const { launchError, launchTakesMs = 0 } = node.behaviour;
    if (launchTakesMs > 0) await clock.sleep(launchTakesMs, signal);
    if (launchError !== undefined) throw new LabError(`${definition.name} could not be started: ${launchError}`);
    world.begin(node);
  };

  const waitForEnd = async (name: string, limitMs: number, signal?: AbortSignal): Promise<boolean> => {
    const untilMs = clock.monotonicMs() + limitMs;
    while (world.isAlive(name)) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) return false;
      await clock.sleep(Math.min(POLL_MS, leftMs), signal);
    }
    return true;
  };

  return {
    kind: 'fake',
    world,
    faults: createFakeFaultPort(world, clock),
    launch: async (node, { signal } = {}) => {
      requireOwn(node.name);
      requireStopped(node.name, 'launched');
      await run(node, 'launch', signal);
    },
    start: async (node, { signal } = {}) => {
      const known = requireNode(node.name, 'started');
      if (world.isAlive(node.name)) world.setPaused(node.name, false);
      else await run(known.definition, 'start', signal);
    },
    stop: async (node, { signal, timeoutMs = Infinity } = {}) => {
      requireGoing(signal);
      requireOwn(node.name);
      const known = world.nodes.get(node.name);
      if (!known || !world.isAlive(node.name)) return;
      if (!known.isStopAsked) askToStop(world, clock, known);
      const { graceMs } = known.definition.stop;
      if (await waitForEnd(node.name, Math.min(graceMs, timeoutMs), signal)) return;
      if (timeoutMs < graceMs) {
        throw new LabError(`${node.name} is still there after ${timeoutMs} ms`, {
          details: { node: node.name, timeoutMs },
        });
      }
      world.end(node.name, 128 + constants.signals.SIGKILL, 'kill');
    },
    signal: async (node, signal) => {
      const known = requireNode(node.name, 'signalled');
      if (!world.isAlive(node.name)) throw new LabError(`${signal} to ${node.name}: it is not running`);
      world.note(node.name, 'signal');
      if (signal !== 'SIGKILL' && signal !== known.definition.stop.signal) world.addLog(node.name, `got ${signal}`);
      if (signal === 'SIGKILL') world.end(node.name, 128 + constants.signals.SIGKILL, 'kill');
      else if (signal === 'SIGSTOP') world.setPaused(node.name, true);
      else if (signal === 'SIGCONT') world.setPaused(node.name, false);
      else if (signal === known.definition.stop.signal) askToStop(world, clock, known);
    },
    exec: async (node, command, { signal } = {}) => {
      requireGoing(signal);
      requireNode(node.name, 'used for exec');
      return exec(node, command);
    },
    observe: async (node, { signal } = {}) => {
      requireGoing(signal);
      return observe(world, node.name);
    },
    logs: async (node, { tail = DEFAULT_TAIL_LINES, sinceMs = -Infinity } = {}) => {
      const lines = (world.nodes.get(node.name)?.logs ?? []).filter(({ atMs = 0 }) => atMs >= sinceMs);
      return tail > 0 ? lines.slice(-tail) : [];
    },
    streamLogs: async function* (node, { tail, sinceMs = -Infinity, follow, signal } = {}) {
      const lines = world.nodes.get(node.name)?.logs ?? [];
      const there = lines.filter(({ atMs = 0 }) => atMs >= sinceMs);
      let seen = lines.length;
      yield* tail === undefined ? there : there.slice(there.length - Math.min(tail, there.length));
      while (follow) {
        await clock.sleep(LOG_POLL_MS, signal);
        for (; seen < lines.length; seen++) yield lines[seen] as LogLine;
      }
    },
    wipe: async (node) => {
      requireNode(node.name, 'wiped');
      requireStopped(node.name, 'wiped');
      world.setHeight(node.name, 0);
      world.note(node.name, 'wipe');
    },
    dataSizeBytes: async (node) => {
      requireNode(node.name, 'measured');
      return DATA_SIZE_BYTES;
    },
    snapshot: async (node, folder, snapshotOptions) => {
      requireGoing(snapshotOptions.signal);
      const { definition } = requireNode(node.name, 'copied');
      requireStopped(node.name, 'copied');
      const createdAt = new Date(clock.wallMs()).toISOString();
      const about = { testnet: topology.testnet, node: definition, createdAt };
      const data = fakeData(world.storedHeight(node.name));
      const manifest = await writeSnapshot(folder, about, data, snapshotOptions);
      world.note(node.name, 'snapshot');
      return manifest;
    },
    restore: async (node, folder, restoreOptions) => {
      requireGoing(restoreOptions.signal);
      requireOwn(node.name);
      requireStopped(node.name, 'restored');
      await verifySnapshot(folder, { testnet: topology.testnet, node: node.name }, restoreOptions);
      const height = await heightIn(folder);
      if (world.nodes.has(node.name)) world.setHeight(node.name, height);
      else world.waitingHeights.set(node.name, height);
      world.note(node.name, 'restore');
    },
    remove: async (node) => {
      requireStopped(node.name, 'removed');
      if (!world.nodes.has(node.name)) return;
      world.note(node.name, 'remove');
      world.nodes.delete(node.name);
    },
    list: async () => [...world.nodes.keys()].sort(),
    endpoint: (node, port) => {
      const found = node.ports.find(({ name }) => name === port);
      if (!found) throw new LabError(`${node.name} has no port "${port}"`, { details: { node: node.name, port } });
      return `http://${node.bindAddress}:${found.hostPort}`;
    },
    takeLease: async (testnet, owner, { signal, lastToken = 0 } = {}) => {
      requireGoing(signal);
      return takeFakeLease(world, testnet, owner, lastToken);
    },
    close: async () => undefined,
  };
}

/** The node ends by itself after the time that its behaviour gives it, or never. */
function askToStop(world: FakeWorld, clock: Clock, node: FakeNode): void {
  world.note(node.definition.name, 'stop');
  world.addLog(node.definition.name, `got ${node.definition.stop.signal}`);
  node.isStopAsked = true;
  node.isPaused = false;
  if (node.behaviour.ignoresStop) return;
  const takesMs = node.behaviour.stopTakesMs ?? 0;
  node.endsAtMs = Math.min(node.endsAtMs, clock.wallMs() + takesMs);
  node.exitCode = 0;
}

function observe(world: FakeWorld, name: string): NodeObservation {
  if (world.foreign.has(name)) return { node: name, state: 'foreign', detail: `something else holds the name ${name}` };
  // Asked first: a dead-man that was due may have started the node anew.
  const isAlive = world.isAlive(name);
  const node = world.nodes.get(name);
  if (!node) return { node: name, state: 'absent' };
  if (!isAlive) {
    return {
      node: name,
      state: 'stopped',
      exitCode: node.exitCode,
      ...(node.isStopAsked ? {} : { detail: `${name} ended by itself with exit code ${node.exitCode}` }),
    };
  }
  const { definition, behaviour } = node;
  const { programPath } = definition.release;
  return {
    node: name,
    state: node.isPaused ? 'paused' : 'running',
    identity: {
      digest: behaviour.digest ?? definition.release.digest,
      command: definition.command.slice(programPath === undefined ? 1 : definition.command.indexOf(programPath) + 1),
      generation: definition.generation,
      startedAtMs: node.startedAtMs,
      instance: `${node.pid}:${node.starts}`,
      pid: node.pid,
    },
  };
}

function requireGoing(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}
