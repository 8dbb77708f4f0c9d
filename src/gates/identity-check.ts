import type { NodeIdentity, NodeObservation } from '../lab/lab.ts';
import { claimedVersion } from '../topology/claimed.ts';
import type { TopologyNode } from '../topology/topology.ts';
import { isLaterStart } from './node-start.ts';
import type { NodeReading } from './readings.ts';
import type { Sample } from './verdict.ts';

/** What is to run under a node's name. Plain data: part of the evidence. */
export interface IntendedNode {
  version: string;
  /** Any of these is right: the program's digest, or on a container lab the image's. */
  digests: string[];
  command: string[];
  programPath?: string;
  generation: string;
}

export function intendedNode({ release, command, generation }: TopologyNode): IntendedNode {
  return {
    version: release.version,
    digests: release.imageId === undefined ? [release.digest] : [release.digest, release.imageId],
    command,
    ...(release.programPath === undefined ? {} : { programPath: release.programPath }),
    generation,
  };
}

/** One start of a node, as it was first seen. */
export interface EstablishedIdentity {
  instance: string;
  startedAtMs: number;
  restartCount: number;
  /** When this start was first seen, since the beginning of the gate. */
  seenElapsedMs?: number;
}

export interface IdentityExpectation {
  node: string;
  /** Undefined: whatever runs is right, as long as it stays the same start (preflight). */
  intended?: IntendedNode | undefined;
  /** The node must have started after this wall time. Undefined: nothing was done to it. */
  actionAtMs?: number | undefined;
  /** The start that was there before the action, and must be gone. */
  instanceBefore?: string | undefined;
  /** Already known, for guards. */
  established?: EstablishedIdentity | undefined;
}

/** Start times come from the operating system in ticks, or from an engine's own clock. */
const startToleranceMs = 1000;

/** Watches what really runs under a node's name. Must see every slot, in order. */
export class IdentityTracker {
  readonly #expected: IdentityExpectation;
  established: EstablishedIdentity | undefined;
  /** Restarts that nobody asked for since the action, as the lab and as the process itself tell them; mostly the same ones. */
  #labRestarts = 0;
  #processRestarts = 0;
  #processStart: number | undefined;

  constructor(expected: IdentityExpectation) {
    this.#expected = expected;
    this.established = expected.established;
  }

  /** Restarts that nobody asked for, since the action. */
  get unplannedRestarts(): number {
    return Math.max(this.#labRestarts, this.#processRestarts);
  }

  /** What was counted before, in another process. */
  takeOver(unplannedRestarts: number): void {
    if (unplannedRestarts > this.unplannedRestarts) this.#labRestarts = unplannedRestarts;
  }

  /**
   * Takes start times in seconds that the node's own process told since the present start, oldest first. A later one is a restart that the lab
   * may not have seen. Returns what is wrong.
   */
  noteProcessStarts(starts: readonly number[]): Sample | undefined {
    const before = this.#processRestarts;
    for (const seconds of starts) {
      if (isLaterStart(this.#processStart, seconds)) this.#processRestarts++;
      this.#processStart = Math.max(this.#processStart ?? seconds, seconds);
    }
    if (this.#processRestarts === before || this.#processRestarts <= this.#labRestarts) return undefined;
    return bad(
      `the process of ${this.#expected.node} restarted by itself (${this.unplannedRestarts} since the action)`,
    );
  }

  judge(seen: NodeReading, elapsedMs?: number): Sample {
    const { node, intended } = this.#expected;
    if (!seen.observation.ok) return { state: 'UNKNOWN', reason: 'query-error', detail: seen.observation.error };
    const observation = seen.observation.value;
    if (observation.state !== 'running') return bad(`${node} is ${stateOf(observation)}`);
    const { identity } = observation;
    if (!identity) return { state: 'UNKNOWN', reason: 'empty', detail: `what runs as ${node} could not be read` };

    const mismatch = (intended && identityMismatch(identity, intended)) ?? this.#startMismatch(identity);
    if (mismatch !== undefined) {
      const detail = `${node} ${mismatch}`;
      // What does not answer may be on its way out; an old program that answers is a failure.
      const isLeaving = this.established === undefined && !seen.liveness.ok;
      return isLeaving ? { state: 'UNKNOWN', reason: 'identity-mismatch', detail } : bad(detail);
    }
    return this.#judgeRestarts(observation, identity, elapsedMs);
  }

  #startMismatch(identity: NodeIdentity): string | undefined {
    const { actionAtMs, instanceBefore } = this.#expected;
    if (this.established || actionAtMs === undefined) return undefined;
    if (identity.instance === instanceBefore) return 'is still the start from before the action';
    // Another start than before is a new one, whatever was set on a clock meanwhile.
    if (instanceBefore === undefined && identity.startedAtMs < actionAtMs - startToleranceMs) {
      return `started ${Math.round((actionAtMs - identity.startedAtMs) / 100) / 10} s before the action`;
    }
    return undefined;
  }

  #judgeRestarts(observation: NodeObservation, identity: NodeIdentity, elapsedMs: number | undefined): Sample {
    const { node, actionAtMs } = this.#expected;
    const { instance, startedAtMs } = identity;
    const before = this.established;
    const restartCount = observation.restartCount ?? before?.restartCount ?? 0;
    // What ran before the gate is no new start.
    const isNew = before === undefined ? actionAtMs !== undefined : before.instance !== instance;
    const seenElapsedMs = isNew ? elapsedMs : before?.seenElapsedMs;
    this.established = {
      instance,
      startedAtMs,
      restartCount,
      ...(seenElapsedMs === undefined ? {} : { seenElapsedMs }),
    };
    // A lab counts the restarts of what the action made from zero, so the first sight may already show some.
    const known = before?.restartCount ?? (actionAtMs === undefined ? restartCount : 0);
    const isOtherStart = before !== undefined && before.instance !== instance;
    const restarts = Math.max(restartCount - known, isOtherStart ? 1 : 0);
    if (restarts <= 0) return { state: 'OK' };
    this.#labRestarts += restarts;
    const why = observation.wasOomKilled ? ' after it was killed for want of memory' : '';
    return bad(`${node} restarted by itself${why} (${this.unplannedRestarts} since the action)`);
  }
}

/** What is not as intended, or undefined. */
export function identityMismatch(identity: NodeIdentity, intended: IntendedNode): string | undefined {
  if (!intended.digests.includes(identity.digest)) {
    const claimed = claimedVersion(identity.digest);
    if (claimed !== undefined) return `says that it runs ${claimed}, instead of ${intended.version}`;
    return `runs ${short(identity.digest)} instead of ${short(intended.digests[0] ?? '')} (${intended.version})`;
  }
  if (identity.generation !== intended.generation) {
    return `is of generation ${identity.generation} instead of ${intended.generation}`;
  }
  if (!isSameCommand(identity.command, intended)) {
    return `runs with the arguments "${identity.command.join(' ')}" instead of "${intended.command.join(' ')}"`;
  }
  return undefined;
}

/** A lab reports the arguments without the program; an interpreter and the program's path may both be left out. */
function isSameCommand(actual: readonly string[], { command, programPath }: IntendedNode): boolean {
  const leftOut = command.length - actual.length;
  const program = programPath === undefined ? -1 : command.indexOf(programPath);
  const longest = program === -1 ? 2 : program + 1;
  if (leftOut < 0 || leftOut > longest) return false;
  if (program === -1 && command.slice(0, leftOut).some((word) => word.startsWith('-'))) return false;
  return actual.every((word, index) => word === command[leftOut + index]);
}

function stateOf({ state, exitCode, wasOomKilled, detail }: NodeObservation): string {
  const why = [
    exitCode === undefined ? '' : `exit code ${exitCode}`,
    wasOomKilled ? 'killed for want of memory' : '',
    detail ?? '',
  ].filter((part) => part !== '');
  return why.length > 0 ? `${state} (${why.join('; ')})` : state;
}

function short(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

function bad(detail: string): Sample {
  return { state: 'BAD', detail };
}
