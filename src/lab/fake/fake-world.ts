import { constants } from 'node:os';
import type { Clock } from '../../core/clock.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { LeaseOwner, LogLine } from '../lab.ts';
import type { LeaseFacts } from '../lease.ts';
import { FakeFaults } from './fake-faults.ts';

/** How one start of a fake node goes. Everything left out goes well and takes no time. */
interface FakeBehaviour {
  /** `launch` or `start` fails with this message, the node stays stopped. */
  launchError?: string;
  /** Time that the call to launch or start takes. */
  launchTakesMs?: number;
  /** The process is there at once, but has no height before this time has passed. */
  readyAfterMs?: number;
  /** Ends by itself this long after the start. */
  crashesAfterMs?: number;
  /** Exit code of that end. Default 1. */
  crashExitCode?: number;
  /** Time from the stop signal to the end. */
  stopTakesMs?: number;
  /** Only SIGKILL ends it. */
  ignoresStop?: boolean;
  /** Digest of what really runs, when it is not that of the release. */
  digest?: string;
  /** Lines that it logs at once. Default: "<name> started". */
  logsAtStart?: readonly string[];
  /** Blocks a second once ready. Default 1; 0 stands still. */
  blocksPerSecond?: number;
}

/** Decides how a start goes. `start` counts the starts of this node from 1. */
export type FakeScript = (node: TopologyNode, start: number) => FakeBehaviour;

type FakeAction = 'launch' | 'start' | 'signal' | 'stop' | 'kill' | 'end' | 'wipe' | 'snapshot' | 'restore' | 'remove';

/** Something that was done to a node, in the order in which it happened. */
interface FakeEvent {
  atMs: number;
  node: string;
  action: FakeAction;
  /** The generation that the node then had. */
  generation: string;
}

/** A node of the fake world; `endedAtMs` may lie in the future. */
export interface FakeNode {
  definition: TopologyNode;
  behaviour: FakeBehaviour;
  starts: number;
  pid: number;
  startedAtMs: number;
  endsAtMs: number;
  exitCode: number;
  isStopAsked: boolean;
  isPaused: boolean;
  /** Height at `heightAtMs`, from where it grows with the behaviour's speed. */
  height: number;
  heightAtMs: number;
  logs: LogLine[];
}

/** The lease of the fake world's testnet. */
interface FakeLease extends LeaseFacts {
  /** Its owner counts as provably gone, as that of a killed command does. */
  isOwnerGone: boolean;
}

/** The in-memory world in which a fake lab acts; tests script it and look into it. Several labs may share one, as commands would. */
export class FakeWorld {
  readonly events: FakeEvent[] = [];
  /** Names held by something that Seatrial did not make. */
  readonly foreign = new Set<string>();
  readonly nodes = new Map<string, FakeNode>();
  /** Heights in the data that waits for nodes which do not exist yet. */
  readonly waitingHeights = new Map<string, number>();
  /** Undefined while nobody holds the testnet. */
  lease: FakeLease | undefined;
  /** The highest token that was ever given. */
  lastToken = 0;
  script: FakeScript;
  /** What is broken on purpose. */
  readonly faults: FakeFaults;
  readonly #clock: Clock;
  #nextPid = 1000;

  constructor(options: { clock: Clock; script?: FakeScript }) {
    this.#clock = options.clock;
    this.script = options.script ?? (() => ({}));
    this.faults = new FakeFaults(this.#faultTargets(), options.clock);
  }

  /** Whether the node's process is there, paused or not. */
  isAlive(name: string): boolean {
    this.faults.settle();
    const node = this.nodes.get(name);
    return node !== undefined && this.#clock.wallMs() < node.endsAtMs;
  }

  /** The node's height now, or undefined when it cannot answer: not there, paused, or not ready yet. */
  heightOf(name: string): number | undefined {
    this.faults.settle();
    const node = this.nodes.get(name);
    if (!node || !this.isAlive(name) || node.isPaused) return undefined;
    if (this.#clock.wallMs() < node.startedAtMs + (node.behaviour.readyAfterMs ?? 0)) return undefined;
    return this.#heightAt(node);
  }

  /** The height in the node's data, whether it runs or not. */
  storedHeight(name: string): number {
    this.faults.settle();
    return this.#heightAt(this.#require(name));
  }

  /** The process that holds the lease is gone from now on, as if it had been killed. */
  killLeaseOwner(): void {
    if (this.lease) this.lease.isOwnerGone = true;
  }

  /** Another operator holds the testnet from now on, whoever had it. */
  giveLeaseTo(owner: LeaseOwner): void {
    this.lease = { token: ++this.lastToken, owner, isOwnerGone: false };
  }

  /** Sets the height from which a node goes on. */
  setHeight(name: string, height: number): void {
    const node = this.#require(name);
    node.height = height;
    node.heightAtMs = this.#clock.wallMs();
  }

  /** Changes how a running node behaves from now on. */
  change(name: string, behaviour: FakeBehaviour): void {
    const node = this.#require(name);
    this.#fixHeight(node);
    node.behaviour = { ...node.behaviour, ...behaviour };
  }

  /** Ends a node's process, as a crash would. */
  crash(name: string, exitCode = 1): void {
    this.end(name, exitCode, 'end');
  }

  setPaused(name: string, isPaused: boolean): void {
    const node = this.#require(name);
    if (node.isPaused === isPaused) return;
    if (isPaused) this.#fixHeight(node);
    else node.heightAtMs = Math.max(node.heightAtMs, this.#clock.wallMs());
    node.isPaused = isPaused;
  }

  addLog(name: string, text: string): void {
    this.#require(name).logs.push({ node: name, atMs: this.#clock.wallMs(), text });
  }

  /** Begins a start: its behaviour is drawn from the script. The process is there once `begin` is called. */
  prepare(definition: TopologyNode): FakeNode {
    const last = this.nodes.get(definition.name);
    if (last) this.#fixHeight(last);
    const starts = (last?.starts ?? 0) + 1;
    const nowMs = this.#clock.wallMs();
    const node: FakeNode = {
      definition,
      behaviour: this.script(definition, starts),
      starts,
      pid: this.#nextPid++,
      startedAtMs: nowMs,
      endsAtMs: nowMs,
      exitCode: last?.exitCode ?? 0,
      isStopAsked: false,
      isPaused: false,
      height: last?.height ?? this.waitingHeights.get(definition.name) ?? 0,
      heightAtMs: nowMs,
      logs: last?.logs ?? [],
    };
    this.nodes.set(definition.name, node);
    return node;
  }

  begin(node: FakeNode): void {
    const { behaviour } = node;
    const nowMs = this.#clock.wallMs();
    node.startedAtMs = nowMs;
    node.heightAtMs = nowMs + (behaviour.readyAfterMs ?? 0);
    node.endsAtMs = nowMs + (behaviour.crashesAfterMs ?? Infinity);
    node.exitCode = behaviour.crashExitCode ?? 1;
    const { name } = node.definition;
    for (const text of behaviour.logsAtStart ?? [`${name} started`]) this.addLog(name, text);
  }

  /** Ends the process now, if it is there. */
  end(name: string, exitCode: number, action: FakeAction): void {
    const node = this.#require(name);
    if (!this.isAlive(name)) return;
    this.#fixHeight(node);
    node.endsAtMs = this.#clock.wallMs();
    node.exitCode = exitCode;
    node.isPaused = false;
    this.note(name, action);
  }

  note(name: string, action: FakeAction): void {
    const generation = this.nodes.get(name)?.definition.generation ?? '';
    this.events.push({ atMs: this.#clock.wallMs(), node: name, action, generation });
  }

  #faultTargets(): ConstructorParameters<typeof FakeFaults>[0] {
    return {
      exists: (name) => this.nodes.has(name),
      setPaused: (name, isPaused) => this.setPaused(name, isPaused),
      end: (name, isKill) => {
        if (isKill) this.end(name, 128 + constants.signals.SIGKILL, 'kill');
        else this.end(name, 0, 'stop');
      },
      start: (name) => {
        if (this.isAlive(name)) return;
        this.note(name, 'start');
        this.begin(this.prepare(this.#require(name).definition));
      },
      wipe: (name) => {
        this.setHeight(name, 0);
        this.note(name, 'wipe');
      },
    };
  }

  #require(name: string): FakeNode {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`the fake world has no node ${name}`);
    return node;
  }

  #heightAt(node: FakeNode): number {
    const untilMs = Math.min(this.#clock.wallMs(), node.endsAtMs);
    const seconds = Math.max(0, untilMs - node.heightAtMs) / 1000;
    return node.height + Math.floor(seconds * (node.behaviour.blocksPerSecond ?? 1));
  }

  #fixHeight(node: FakeNode): void {
    if (node.isPaused) return;
    node.height = this.#heightAt(node);
    node.heightAtMs = Math.max(node.heightAtMs, this.#clock.wallMs());
  }
}
