import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { automation } from '@pulumi/pulumi';
import { LabError, messageOf, RefusedError } from '../../core/errors.ts';
import { processIdentity } from '../../core/process-identity.ts';
import { waitFor } from '../../core/wait.ts';
import type { PulumiDeployerOptions } from './options.ts';
import { changesFrom, resourceName } from './resource-changes.ts';
import { resourcesInState } from './stack-state.ts';

/** How long the CLI of a command that was killed may take to end by itself: a node's grace time and some more. */
const ORPHAN_TIMEOUT_MS = 30_000;
/** Linux counts a process's start in hundredths of a second since boot. */
const TICKS_PER_SECOND = 100;

interface LockOwner {
  pid: number;
  host: string;
  /** Wall time in ms. */
  sinceMs: number;
  /** As the engine words it. */
  text: string;
}

/**
 * Takes a stack over from commands that were killed on this machine: removes their locks, what they left half made, and
 * containers and networks that the state does not know. Throws RefusedError('locked') while an owner lives, or may.
 */
export async function recoverFromDeadOwner(
  locked: Error,
  stack: automation.Stack,
  options: PulumiDeployerOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const owners = ownersIn(locked.message);
  if (owners.length === 0) throw lockedError(options.testnet, 'an unknown process', locked);
  for (const owner of owners) await requireGone(owner, options, locked, signal);
  await stack.cancel();
  await refresh(stack, options, signal);
  await removeUnknown(stack, options, signal);
}

function ownersIn(message: string): LockOwner[] {
  const pattern = /created by \S+?@(\S+) \(pid (\d+)\) at (\S+)/g;
  return [...message.matchAll(pattern)].map(([text, host = '', pid = '', since = '']) => ({
    pid: Number(pid),
    host,
    sinceMs: Date.parse(since),
    text,
  }));
}

async function requireGone(
  owner: LockOwner,
  { testnet, clock }: PulumiDeployerOptions,
  locked: Error,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (owner.host !== hostname()) throw lockedError(testnet, owner.text, locked);
  try {
    // The CLI of a killed command notices it and ends what it was doing.
    await waitFor(async () => ((await isOwnerAlive(owner)) ? undefined : true), {
      clock,
      what: `the Pulumi process ${owner.pid} to end`,
      timeoutMs: ORPHAN_TIMEOUT_MS,
      signal,
    });
  } catch (error) {
    if (error instanceof LabError) throw lockedError(testnet, owner.text, locked);
    throw error;
  }
}

/** Pids are reused: a process that started after the lock was written is another one. */
async function isOwnerAlive({ pid, sinceMs }: LockOwner): Promise<boolean> {
  const identity = await processIdentity(pid);
  if (!identity) return false;
  const bootSeconds = Number(/^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'))?.[1]);
  const startMs = (bootSeconds + Number(identity.startTicks) / TICKS_PER_SECOND) * 1000;
  const slackMs = 2_000;
  return !(startMs > sinceMs + slackMs);
}

function lockedError(testnet: string, owner: string, cause: Error): RefusedError {
  return new RefusedError(
    'locked',
    `the Pulumi stack ${testnet} is locked (${owner}); wait for it to end, or, if it is gone for good, run: pulumi cancel ${testnet}`,
    { cause, details: { testnet, owner } },
  );
}

/**
 * Makes the state say what is. It is looked at first: over a bad connection a refresh would drop objects that exist, and the
 * next update would make them a second time.
 */
async function refresh(
  stack: automation.Stack,
  { testnet, objects }: PulumiDeployerOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const events: automation.EngineEvent[] = [];
  const common = { clearPendingCreates: true, color: 'never', suppressProgress: true } as const;
  await stack.previewRefresh({ ...common, onEvent: (event) => events.push(event) });
  const existing = new Set((await objects.list(signal)).map(({ name }) => name));
  const dropped = changesFrom(events)
    .filter(({ action }) => action === 'delete')
    .map(({ urn }) => resourceName(urn))
    .filter((name) => existing.has(name.replace(/-(container|network)$/, '')));
  if (dropped.length > 0) {
    throw new LabError(
      `after a command was killed, Pulumi does not see ${dropped.join(', ')} of ${testnet}, which exist; check the connection to the engine`,
      { details: { dropped } },
    );
  }
  await stack.refresh(common);
}

/** An object that was made just before the kill, unknown to the state, holds a name or an address. A volume is adopted instead. */
async function removeUnknown(
  stack: automation.Stack,
  { testnet, objects }: PulumiDeployerOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const known = new Set((await resourcesInState(stack)).map(({ id }) => id));
  const unknown = (await objects.list(signal)).filter(({ kind, id }) => kind !== 'volume' && !known.has(id));
  for (const object of unknown.sort(containersFirst)) {
    try {
      await objects.remove(object, signal);
    } catch (cause) {
      throw new LabError(
        `${object.kind} ${object.name}, left by a killed command of ${testnet}, could not be removed: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
}

/** A network or volume in use cannot be removed. */
export function containersFirst(a: { kind: string }, b: { kind: string }): number {
  return Number(b.kind === 'container') - Number(a.kind === 'container');
}
