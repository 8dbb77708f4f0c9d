import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { processIdentity } from '../../../src/core/process-identity.ts';
import { acquireLock } from '../../../src/engine/lock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const program = join(import.meta.dirname, '../../fixtures/take-lock.ts');
const since = '2026-01-01T00:00:00Z';

/** Another process that tries to take the lock; resolves with what it said first. */
async function taker(stateDir: string, purpose: string): Promise<{ said: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [program, stateDir, purpose], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { said: chunk.toString('utf8').trim(), child };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

describe('the lock of a testnet', () => {
  test('keeps a second process out, naming the one that holds it, and lets it in after the release', async () => {
    const folder = await temporaryFolder();
    const lock = await acquireLock(folder, 'run rolling-upgrade', since);
    const { said } = await taker(folder, 'down');
    expect(said).toMatch(
      `locked: RefusedError: another command is changing this testnet: run rolling-upgrade (pid ${process.pid}, since ${since}); wait for it or interrupt it`,
    );
    await lock.release();
    expect((await taker(folder, 'down')).said).toBe('took');
  });

  test('keeps a second taker of the same process out as well', async () => {
    const folder = await temporaryFolder();
    const lock = await acquireLock(folder, 'up', since);
    await expect(acquireLock(folder, 'down', since)).rejects.toMatchObject({ code: 'locked' });
    await lock.release();
  });

  test('is taken over from an owner that was killed, and says from whom', async () => {
    const folder = await temporaryFolder();
    const dead = await taker(folder, 'run rolling-upgrade');
    expect(dead.said).toBe('took');
    dead.child.kill('SIGKILL');
    await ended(dead.child);
    const lock = await acquireLock(folder, 'up', since);
    expect(lock.tookOverFrom).toMatchObject({ purpose: 'run rolling-upgrade', pid: dead.child.pid });
    await lock.release();
  });

  test('is not held by a process that merely has the dead owner’s pid now', async () => {
    const folder = await temporaryFolder();
    const self = await processIdentity(process.pid);
    const reused = { ...self, startTicks: '1', purpose: 'up', since };
    await writeFile(join(folder, 'lock.json'), JSON.stringify(reused));
    const lock = await acquireLock(folder, 'down', since);
    expect(lock.tookOverFrom).toMatchObject({ purpose: 'up', startTicks: '1' });
    await lock.release();
  });

  test('is held by a living owner that the file names, be its socket out of sight', async () => {
    const folder = await temporaryFolder();
    const alive = { ...(await processIdentity(process.ppid)), purpose: 'up', since };
    await writeFile(join(folder, 'lock.json'), JSON.stringify(alive));
    await expect(acquireLock(folder, 'down', since)).rejects.toThrow(`up (pid ${process.ppid}, since ${since})`);
    // The refusal holds nothing: once that owner is gone the way is free.
    await writeFile(join(folder, 'lock.json'), JSON.stringify({ ...alive, bootId: 'another' }));
    await (await acquireLock(folder, 'down', since)).release();
  });

  test('is not held by a file that was torn', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'lock.json'), '{"pid": 1');
    const lock = await acquireLock(folder, 'up', since);
    expect(lock.tookOverFrom).toMatchObject({ purpose: 'an unfinished command' });
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('goes to exactly one of many that race for a dead owner’s lock', async () => {
    const folder = await temporaryFolder();
    const self = await processIdentity(process.pid);
    for (let round = 0; round < 5; round++) {
      await writeFile(join(folder, 'lock.json'), JSON.stringify({ ...self, startTicks: '1', purpose: 'dead', since }));
      const takers = await Promise.all(Array.from({ length: 6 }, (_, index) => taker(folder, `taker ${index}`)));
      const winners = takers.filter(({ said }) => said === 'took over from dead');
      expect(winners).toHaveLength(1);
      expect(takers.filter(({ said }) => said.startsWith('locked: '))).toHaveLength(5);
      for (const { child } of takers) child.stdin?.end();
      await Promise.all(takers.map(({ child }) => ended(child)));
    }
  });

  test('of one testnet does not keep out changes of another', async () => {
    const first = await acquireLock(await temporaryFolder(), 'up', since);
    const second = await acquireLock(await temporaryFolder(), 'up', since);
    await first.release();
    await second.release();
  });

  test('may be given back twice; the second time takes nothing from the next owner', async () => {
    const folder = await temporaryFolder();
    const first = await acquireLock(folder, 'up', since);
    await first.release();
    const second = await acquireLock(folder, 'down', since);
    await first.release();
    await expect(acquireLock(folder, 'up', since)).rejects.toThrow('down');
    await second.release();
  });
});
