import { automation } from '@pulumi/pulumi';
import { abortedError } from '../../core/clock.ts';
import { CleanupError, LabError, messageOf, RefusedError } from '../../core/errors.ts';
import type { Topology } from '../../topology/topology.ts';
import { collectEvents } from './engine-events.ts';
import type { OwnedObject, PulumiDeployerOptions } from './options.ts';
import { containersFirst, withRecovery } from './recovery.ts';
import type { PulumiSession } from './session.ts';

/**
 * Removes a testnet: what Pulumi knows through Pulumi, then by label what is left, volumes included, then the stack itself. Works
 * without a state and without a working CLI. Throws CleanupError naming what stays, RefusedError('locked') with nothing touched.
 */
export async function destroyTestnet(
  options: PulumiDeployerOptions,
  open: () => Promise<PulumiSession>,
  { testnet }: Topology,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) throw abortedError(signal);
  const failures: string[] = [];
  let first: unknown;
  let session: PulumiSession | undefined;
  let isStackThere = true;
  try {
    session = await open();
    isStackThere = await destroyStack(options, session, signal);
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    if (error instanceof RefusedError) throw error;
    first = error;
    options.onEvent?.({
      kind: 'message',
      severity: 'warning',
      text: `Pulumi could not remove ${testnet} (${messageOf(error)}); what carries its label is removed without it`,
    });
  }
  failures.push(...(await removeByLabel(options, signal)));
  if (isStackThere) {
    try {
      // Whatever its state still names is gone by now.
      await session?.removeStack({ force: true });
      if (!session) failures.push(`the state of stack ${testnet}, which needs the Pulumi CLI: ${messageOf(first)}`);
    } catch (error) {
      if (!(error instanceof automation.StackNotFoundError)) failures.push(`stack ${testnet}: ${messageOf(error)}`);
    }
  }
  if (failures.length === 0) return;
  throw new CleanupError(`${failures.length} things of ${testnet} could not be removed (${failures.join('; ')})`, {
    details: { testnet, leftovers: failures },
    ...(first !== undefined && { first, cause: first }),
  });
}

/** False when there is no such stack. */
async function destroyStack(
  options: PulumiDeployerOptions,
  session: PulumiSession,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const collector = collectEvents((event) => options.onEvent?.(event));
  const destroy = async (): Promise<void> => {
    // A listener on the caller's signal would outlive the operation.
    const interrupt = new AbortController();
    const onAbort = (): void => interrupt.abort();
    if (!isTerminalInterrupt(signal)) signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await session.stack.destroy({
        onEvent: (event) => collector.onEvent(event),
        color: 'never',
        suppressProgress: true,
        signal: interrupt.signal,
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  };
  try {
    await withRecovery({ options, session, signal }, destroy);
    return true;
  } catch (error) {
    if (error instanceof automation.StackNotFoundError) return false;
    const errors = collector.errors();
    if (errors.length === 0) throw error;
    throw new LabError(errors.join('; '), { cause: error });
  }
}

async function removeByLabel(options: PulumiDeployerOptions, signal: AbortSignal | undefined): Promise<string[]> {
  const failures: string[] = [];
  let left: OwnedObject[];
  try {
    left = await options.objects.list(signal);
  } catch (error) {
    return [`what carries the label of ${options.testnet}: ${messageOf(error)}`];
  }
  for (const object of left.sort(containersFirst)) {
    try {
      await options.objects.remove(object, signal);
    } catch (error) {
      failures.push(`${object.kind} ${object.name}: ${messageOf(error)}`);
    }
  }
  return failures;
}

/** A Ctrl-C at a terminal reaches the CLI as well; a second SIGINT would make it drop everything. */
function isTerminalInterrupt(signal: AbortSignal | undefined): boolean {
  return signal !== undefined && process.stdin.isTTY;
}
