import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashOf, sha256 } from '../../../src/core/canonical.ts';
import { evidenceFile, loadEvidence, storeEvidence } from '../../../src/journal/evidence.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

test('evidence is found again under the hash of its canonical JSON', async () => {
  const runDir = await temporaryFolder();
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
      const json = JSON.parse(JSON.stringify(value)) as unknown;
      const hash = await storeEvidence(runDir, json);
      expect(hash).toBe(hashOf(json));
      expect(await loadEvidence(runDir, hash)).toEqual(json);
    }),
    { numRuns: 50 },
  );
});

test('equal content is stored once, whatever the order of its keys', async () => {
  const runDir = await temporaryFolder();
  const hash = await storeEvidence(runDir, { a: 1, b: [2] });
  expect(await storeEvidence(runDir, { b: [2], a: 1 })).toBe(hash);
  expect(await readdir(join(runDir, 'evidence'))).toEqual([`${hash}.json`]);
  expect(await evidenceFile(runDir, hash)).toBe(`evidence/${hash}.json`);
});

test('large evidence is stored compressed', async () => {
  const runDir = await temporaryFolder();
  const value = Array.from({ length: 20_000 }, (_, slot) => ({ slot, state: 'OK' }));
  const hash = await storeEvidence(runDir, value);
  const file = await evidenceFile(runDir, hash);
  expect(file).toBe(`evidence/${hash}.json.gz`);
  expect((await readFile(join(runDir, file ?? ''))).length).toBeLessThan(JSON.stringify(value).length / 5);
  expect(await loadEvidence(runDir, hash)).toEqual(value);
});

test('changed evidence is refused with file and hash', async () => {
  const runDir = await temporaryFolder();
  const hash = await storeEvidence(runDir, { slots: '+++' });
  await writeFile(join(runDir, 'evidence', `${hash}.json`), '{"slots":"---"}');
  await expect(loadEvidence(runDir, hash)).rejects.toThrow(
    `${hash}.json: evidence was changed: its content has hash ${hashOf({ slots: '---' })}`,
  );
});

test('compressed evidence that was cut is refused', async () => {
  const runDir = await temporaryFolder();
  const hash = await storeEvidence(runDir, 'x'.repeat(100_000));
  const file = join(runDir, 'evidence', `${hash}.json.gz`);
  await writeFile(file, (await readFile(file)).subarray(0, 40));
  await expect(loadEvidence(runDir, hash)).rejects.toThrow(/json\.gz: evidence cannot be read/);
});

test('missing evidence is named', async () => {
  const runDir = await temporaryFolder();
  const hash = 'ab'.repeat(32);
  expect(await evidenceFile(runDir, hash)).toBeUndefined();
  await expect(loadEvidence(runDir, hash)).rejects.toThrow(`evidence ${hash} is missing`);
});

test('no bit of a stored file can be turned without being noticed', async () => {
  const runDir = await temporaryFolder();
  for (const value of [{ small: 'é\u{fffd}' }, { large: Array.from({ length: 20_000 }, (_, slot) => slot % 7) }]) {
    const hash = await storeEvidence(runDir, value);
    const file = join(runDir, (await evidenceFile(runDir, hash)) ?? '');
    const sound = await readFile(file);
    // The ends, where gzip has bits that mean nothing, and a part of the middle.
    const bytes = [...sound.keys()].filter((at) => at < 12 || at >= sound.length - 9 || at % 211 === 0);
    for (const at of bytes) {
      for (let bit = 0; bit < 8; bit++) {
        const edited = Buffer.from(sound);
        edited[at] = (edited[at] ?? 0) ^ (1 << bit);
        await writeFile(file, edited);
        await expect(loadEvidence(runDir, hash), `bit ${bit} of byte ${at}`).rejects.toThrow(hash);
      }
    }
    await writeFile(file, sound);
    expect(await loadEvidence(runDir, hash)).toEqual(value);
  }
});

test('compressed evidence of older runs, without a seal, is read', async () => {
  const runDir = await temporaryFolder();
  const text = JSON.stringify({ old: 'x'.repeat(70_000) });
  const hash = sha256(text);
  await storeEvidence(runDir, 1);
  await writeFile(join(runDir, 'evidence', `${hash}.json.gz`), gzipSync(text));
  expect(await loadEvidence(runDir, hash)).toEqual(JSON.parse(text));
});
