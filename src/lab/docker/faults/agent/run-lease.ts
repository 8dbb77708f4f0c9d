import { systemClock } from '../../../../core/clock.ts';
import { messageOf } from '../../../../core/errors.ts';
import { driverOf } from './drivers.ts';
import { askEngine } from './engine-client.ts';
import { bootId, readRecord, uptimeMs, writeRecord, type LeaseRecord } from './lease-record.ts';
import { answerRequests, say } from './requests.ts';
import type { AgentRequest, LeaseReport, LeaseTask } from './task.ts';

const RETRY_MS = 1_000;

/**
 * Holds one fault: counts its time, does it when told, and undoes it when told, at its time, or when asked to end. One thing at a time.
 * Nothing but a healed target lets it end.
 */
export async function runLease(task: LeaseTask): Promise<void> {
  const driver = driverOf(task.fault);
  const boot = await bootId();
  const found = await readRecord();
  // After another boot nobody knows how long it was.
  const record: LeaseRecord =
    found === undefined
      ? { bootId: boot, deadlineMs: (await uptimeMs()) + task.ttlMs, phase: 'armed' }
      : { ...found, bootId: boot, deadlineMs: found.bootId === boot ? found.deadlineMs : 0 };
  await writeRecord(record);

  const healed = new AbortController();
  let extended = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const remainingMs = async (): Promise<number> => Math.max(0, record.deadlineMs - (await uptimeMs()));

  const undo = async (): Promise<void> => {
    if (record.before !== undefined) await driver.undo(record.before);
    delete record.before;
  };
  const heal = async (): Promise<void> => {
    if (record.phase !== 'healed') await undo();
    record.phase = 'healed';
    await writeRecord(record);
    healed.abort();
  };
  const inject = async (): Promise<void> => {
    if (record.phase === 'injected') return;
    if (record.phase === 'healed') throw new Error('it is healed already');
    record.before ??= await driver.before();
    record.phase = 'injecting';
    await writeRecord(record);
    try {
      await driver.inject(record.before, await remainingMs());
    } catch (error) {
      await undo();
      record.phase = 'armed';
      await writeRecord(record);
      throw error;
    }
    if (task.fault.kind !== 'down' || !task.fault.hasDataStep) await confirm();
  };
  const confirm = async (): Promise<void> => {
    if (record.phase === 'injecting') record.phase = 'injected';
    await writeRecord(record);
  };
  const report = async (): Promise<LeaseReport> => {
    const look =
      record.before === undefined ? { isThere: true, effect: {} } : await driver.look(record.before).catch(lookFailed);
    return { phase: record.phase, remainingMs: await remainingMs(), ...look };
  };
  const answer = async (request: AgentRequest): Promise<{ result: unknown; isLast?: boolean }> => {
    switch (request.op) {
      case 'state':
        break;
      case 'inject':
        await inject();
        break;
      case 'confirm':
        await confirm();
        break;
      case 'extend':
        record.deadlineMs = (await uptimeMs()) + request.ttlMs;
        if (record.phase === 'injected') await driver.extend?.(request.ttlMs);
        await writeRecord(record);
        extended.abort();
        break;
      case 'heal':
        await heal();
        return { result: { phase: record.phase }, isLast: true };
      case 'peers':
      case 'look':
        throw new Error(`this agent holds a fault; it cannot ${request.op}`);
    }
    return { result: await report() };
  };

  /** Heals until it is healed. */
  const insist = async (): Promise<void> => {
    while (!healed.signal.aborted) {
      try {
        await inTurn(heal);
      } catch (error) {
        say({ failed: messageOf(error) });
        await systemClock.sleep(RETRY_MS);
      }
    }
  };
  const count = async (): Promise<void> => {
    while (!healed.signal.aborted) {
      const leftMs = await remainingMs();
      if (leftMs === 0) return insist();
      extended = new AbortController();
      const until = AbortSignal.any([extended.signal, healed.signal]);
      await systemClock.sleep(leftMs, until).catch((error: unknown) => {
        if (!until.aborted) throw error;
      });
    }
  };

  const onSignal = (): void => void insist();
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  if (record.phase === 'healed') healed.abort();
  const counting = count();
  say({ counts: task.id, remainingMs: await remainingMs() });
  await Promise.all([counting, answerRequests((request) => inTurn(() => answer(request)), healed.signal)]);
  if (task.removesItself) await removeOwnContainer();
}

/** A look that fails tells nothing; the fault may well be there. */
function lookFailed(error: unknown): { isThere: boolean; effect: Record<string, string>; detail: string } {
  return { isThere: true, effect: {}, detail: `could not look at it: ${messageOf(error)}` };
}

/** Its own host name is its id. The engine ends this process while it answers. */
async function removeOwnContainer(): Promise<never> {
  const { hostname } = await import('node:os');
  for (;;) {
    try {
      await askEngine('DELETE', `/containers/${hostname()}?force=true&v=true`, { accepted: [404, 409] });
    } catch (error) {
      say({ failed: messageOf(error) });
    }
    await systemClock.sleep(RETRY_MS);
  }
}
