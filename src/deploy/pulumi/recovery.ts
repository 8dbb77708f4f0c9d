import { automation } from '@pulumi/pulumi';
import { LabError, messageOf } from '../../core/errors.ts';
import { lockedError, ownersIn, requireGone, type LockOwner } from './lock-owner.ts';
import type { PulumiDeployerOptions } from './options.ts';
import { endOrphans } from './orphans.ts';
import { changesFrom, resourceName } from './resource-changes.ts';
import type { PulumiSession } from './session.ts';
import { resourcesInState } from './stack-state.ts';
import { lockOwners, mendTornState } from './torn-state.ts';

export interface RecoveryContext {
  options: PulumiDeployerOptions;
  session: PulumiSession;
  signal: AbortSignal | undefined;
}

/**
 * Runs an operation of the engine; when a command that was killed on this machine stands in its way, cleans up after that and
 * runs it again. The engine notices all of this before it touches anything. Throws RefusedError('locked') while an owner of the
 * stack's lock lives, or may.
 */
export async function withRecovery<T>(context: RecoveryContext, operation: () => Promise<T>): Promise<T> {
  const mended = new Set<string>();
  let remedy: (() => Promise<void>) | undefined;
  for (;;) {
    try {
      await remedy?.();
      remedy = undefined;
      return await operation();
    } catch (error) {
      const kind = remedyFor(error);
      // What came back after its remedy will not go away by a second one.
      if (kind === undefined || mended.has(kind)) throw error;
      mended.add(kind);
      // A take-over reads the state as well, and does it again when that was torn.
      const interrupted = remedy;
      remedy =
        kind === 'mend'
          ? async () => {
              const { options, session, signal } = context;
              if (!(await mendTornState(options, session.project, error, signal))) throw error;
              await interrupted?.();
            }
          : () => takeOver(context, ownersIn(messageOf(error)), error);
    }
  }
}

/** Whether an error only says that the stack is not ready for the operation. */
export function isStackUnready(error: unknown): boolean {
  return error instanceof automation.StackNotFoundError || remedyFor(error) !== undefined;
}

function remedyFor(error: unknown): 'mend' | 'take over' | undefined {
  if (error instanceof automation.ConcurrentUpdateError) return 'take over';
  return error instanceof automation.CommandError && error.message.includes('failed to load checkpoint')
    ? 'mend'
    : undefined;
}

/**
 * The same without an operation: a command that was killed when all was done leaves the stack locked, and nothing may be left to do that
 * would meet the lock. Looks only where the state is in files of this machine.
 */
export async function recoverStack(context: RecoveryContext): Promise<void> {
  const { options, session } = context;
  const owners = await lockOwners(options, session.project);
  if (owners.length > 0) await withRecovery(context, () => takeOver(context, owners, undefined));
}

/** Removes the locks of dead commands, what they left half made, and containers and networks that the state does not know. */
async function takeOver(context: RecoveryContext, owners: readonly LockOwner[], locked: unknown): Promise<void> {
  const { options, session, signal } = context;
  if (owners.length === 0) throw lockedError(options.testnet, undefined, locked);
  await requireGone(owners, options, locked, signal);
  // A CLI that was still there when the session began may have left its plugins.
  await endOrphans({ ...options, signal });
  await session.stack.cancel();
  await refresh(context);
  await removeUnknown(context);
}

/**
 * Makes the state say what is. It is looked at first: over a bad connection a refresh would drop objects that exist, and the
 * next update would make them a second time.
 */
async function refresh({ options, session, signal }: RecoveryContext): Promise<void> {
  const events: automation.EngineEvent[] = [];
  const common = { clearPendingCreates: true, color: 'never', suppressProgress: true } as const;
  await session.stack.previewRefresh({ ...common, onEvent: (event) => events.push(event) });
  const existing = new Set((await options.objects.list(signal)).map(({ name }) => name));
  const dropped = changesFrom(events)
    .filter(({ action }) => action === 'delete')
    .map(({ urn }) => resourceName(urn))
    .filter((name) => existing.has(name.replace(/-container$/, '').replace(/-network$/, '-net')));
  if (dropped.length > 0) {
    throw new LabError(
      `after a command was killed, Pulumi does not see ${dropped.join(', ')}, which exist; check the connection to the engine`,
      { details: { dropped } },
    );
  }
  await session.stack.refresh(common);
}

/** An object that was made just before the kill, unknown to the state, holds a name or an address. A volume is adopted instead. */
async function removeUnknown({ options, session, signal }: RecoveryContext): Promise<void> {
  const known = new Set((await resourcesInState(session.stack)).map(({ id }) => id));
  const unknown = (await options.objects.list(signal)).filter(({ kind, id }) => kind !== 'volume' && !known.has(id));
  for (const object of unknown.sort(containersFirst)) {
    try {
      await options.objects.remove(object, signal);
    } catch (cause) {
      const what = `${object.kind} ${object.name}, left by a killed command of ${options.testnet}`;
      throw new LabError(`${what}, could not be removed: ${messageOf(cause)}`, { cause });
    }
  }
}

/** A network or volume in use cannot be removed. */
export function containersFirst(a: { kind: string }, b: { kind: string }): number {
  return Number(b.kind === 'container') - Number(a.kind === 'container');
}
