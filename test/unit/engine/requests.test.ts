import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requestOf } from '../../../src/engine/run-control.ts';
import { memoryFolder } from '../../helpers/temporary-folder.ts';

describe('a request to a run', () => {
  test('lies where only its operator may read and write', async () => {
    const runDir = await memoryFolder();
    await requestOf(runDir, { kind: 'abort', by: 'operator@desk' }, '1');
    const modeOf = async (path: string): Promise<number> => (await stat(join(runDir, path))).mode & 0o777;
    expect(await modeOf('requests')).toBe(0o700);
    expect(await modeOf('requests/1.json')).toBe(0o600);
  });
});
