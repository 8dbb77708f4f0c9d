import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Measurements } from '../../../src/engine/canary/measurements.ts';
import { memoryFolder } from '../../helpers/temporary-folder.ts';

describe('what a long step has measured', () => {
  test('is read again, without a line that a crash has torn', async () => {
    const runDir = await memoryFolder();
    const before = new Measurements<number>(runDir, 'canary/comparison');
    await before.add(1);
    await before.add(2);
    await appendFile(before.file, '3');
    expect(await new Measurements<number>(runDir, 'canary/comparison').read()).toEqual([1, 2]);
  });

  test('never stands in another file of the run, whatever the step is called', async () => {
    const runDir = await memoryFolder();
    await writeFile(join(runDir, 'journal.jsonl'), 'the journal\n');
    const steps = ['journal', '..', '../../journal', 'a/b', 'a-b', 'a%2Fb'];
    for (const step of steps) await new Measurements<string>(runDir, step).add(step);
    expect(await readFile(join(runDir, 'journal.jsonl'), 'utf8')).toBe('the journal\n');
    expect(await readdir(runDir)).toHaveLength(steps.length + 1);
    for (const step of steps) expect(await new Measurements<string>(runDir, step).read()).toEqual([step]);
  });
});
