import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Words that only one system under test would bring in. */
const words = /\brefchain\b|systems\/reference|['"]reference['"]|['"`](validator|follower)(-\d+)?['"`]/i;

test('src/ and the runbooks know no system under test by name', async () => {
  const found: string[] = [];
  let read = 0;
  for (const folder of ['src', 'runbooks']) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith('.ts')) continue;
      const lines = (await readFile(join(root, folder, file), 'utf8')).split('\n');
      read++;
      lines.forEach((line, index) => {
        if (words.test(line)) found.push(`${folder}/${file}:${index + 1}: ${line.trim()}`);
      });
    }
  }
  expect(read).toBeGreaterThan(100);
  expect(found).toEqual([]);
});
