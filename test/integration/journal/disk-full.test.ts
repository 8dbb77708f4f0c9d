import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sha256File } from '../../../src/core/canonical.ts';
import { LabError } from '../../../src/core/errors.ts';
import { storeEvidence } from '../../../src/journal/evidence.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { ObservationWriter } from '../../../src/journal/observations.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

async function tinyDisk(): Promise<string> {
  const folder = join(await temporaryFolder(), 'disk');
  await mkdir(folder);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  onTestFinished(async () => {
    await run('umount', ['--lazy', folder]);
  });
  return folder;
}

const note = (text: string) => ({ type: 'note', level: 'info', text }) as const;

describe.skipIf(!isRoot)('on a disk that is full (needs root on Linux, to mount one of 64 KiB)', () => {
  test('append rejects naming file and cause, and the journal takes nothing more even when there is room again', async () => {
    const disk = await tinyDisk();
    const runDir = join(disk, 'run');
    const journal = await Journal.create(runDir, new SettableClock('2026-01-01T00:00:00Z'));
    await journal.append(note('while there is room'));
    const filler = join(disk, 'filler');
    await expect(writeFile(filler, Buffer.alloc(128 * 1024))).rejects.toThrow(/ENOSPC/);

    const failed = await Promise.allSettled([journal.append(note('x'.repeat(8192))), journal.append(note('second'))]);
    for (const { status, ...rest } of failed) {
      expect(status).toBe('rejected');
      const reason: unknown = 'reason' in rest ? rest.reason : undefined;
      expect(reason).toBeInstanceOf(LabError);
      expect(reason).toHaveProperty('message', expect.stringMatching(/run\/journal\.jsonl: .*ENOSPC/));
    }

    await rm(filler);
    await expect(journal.append(note('room again'))).rejects.toThrow(/ENOSPC/);
    await journal.close();
    const { records, tornTail } = await readJournal(runDir);
    expect(records).toMatchObject([{ text: 'while there is room' }]);
    expect(tornTail).toBe(false);
  });

  test('evidence that does not fit is reported with its file, and observations that do not are told at the end', async () => {
    const disk = await tinyDisk();
    await expect(writeFile(join(disk, 'filler'), Buffer.alloc(128 * 1024))).rejects.toThrow(/ENOSPC/);
    await expect(storeEvidence(disk, 'x'.repeat(10_000))).rejects.toThrow(/evidence\/\w+\.json: .*ENOSPC/);
    const writer = await ObservationWriter.open(disk, new SettableClock('2026-01-01T00:00:00Z'));
    writer.add({ atMs: 0, node: 'n', state: 'x'.repeat(10_000), alive: true, acknowledged: 0, errors: 0 });
    const { hash, loss } = await writer.close();
    expect(loss).toMatch(/^lines of observations were lost: 1 \(ENOSPC/);
    expect(hash).toBe(await sha256File(writer.file));
  });
});
