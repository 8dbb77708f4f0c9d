import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { buildRelease } from '../../../node/build.ts';

const folder = mkdtempSync(join(tmpdir(), 'refchain-build-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('The same options give the same bytes, another version gives others', async () => {
  const first = await buildRelease({ version: '1.0.0', output: join(folder, 'a.mjs') });
  const second = await buildRelease({ version: '1.0.0', output: join(folder, 'deep', 'b.mjs') });
  const other = await buildRelease({ version: '1.1.0', output: join(folder, 'c.mjs') });
  expect(readFileSync(second.path).equals(readFileSync(first.path))).toBe(true);
  expect(second.sha256).toBe(first.sha256);
  expect(other.sha256).not.toBe(first.sha256);
});

test('A clean release contains nothing of the faults, nor any path of the machine that built it', async () => {
  const clean = await buildRelease({ version: '1.0.0', output: join(folder, 'clean.mjs') });
  const bad = await buildRelease({ version: '1.0.0', output: join(folder, 'bad.mjs'), fault: 'wrong-app-hash' });
  const [cleanText, badText] = [clean, bad].map(({ path }) => readFileSync(path, 'utf8'));
  for (const code of ['never-commits', 'Equivocator', 'EarlyAcknowledgement', 'forgetLatest']) {
    expect(badText).toContain(code);
  }
  expect(cleanText).toContain('refchain_build_info');
  expect(cleanText).not.toMatch(
    /never-commits|wrong-app-hash|votes-twice|faultHooks|Equivocator|EarlyAcknowledgement|forgetLatest/,
  );
  expect(cleanText).not.toContain(join(import.meta.dirname, '../../..'));
});

test('The command line builds a release that knows its version', () => {
  const output = join(folder, 'cli.mjs');
  const build = join(import.meta.dirname, '../../../node/build.ts');
  const built = spawnSync(process.execPath, [build, '--version', '3.2.1', '--output', output], { encoding: 'utf8' });
  expect(built.stderr).toBe('');
  expect(built.stdout).toMatch(/^[0-9a-f]{64} {2}/);
  const asked = spawnSync(process.execPath, [output, '--version'], { encoding: 'utf8' });
  expect([asked.status, asked.stdout]).toEqual([0, '3.2.1\n']);
  const unknown = spawnSync(process.execPath, [build, '--version', '1', '--output', output, '--fault', 'haunted'], {
    encoding: 'utf8',
  });
  expect(unknown.status).toBe(2);
  expect(unknown.stderr).toContain('--fault haunted: expected one of exits-at-start, never-ready');
});

test('Unknown flags and a missing genesis end a release with exit code 2 and the reason', async () => {
  const { path } = await buildRelease({ version: '1.0.0', output: join(folder, 'flags.mjs') });
  const run = (...args: string[]) => spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  const unknown = run('--colour', 'red');
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("Unknown option '--colour'")]);
  expect(JSON.parse(unknown.stdout)).toMatchObject({ level: 'error', msg: 'node failed', exitCode: 2 });
  const missing = run('--id', 'a', '--genesis', '/nowhere.json');
  expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining('--genesis /nowhere.json')]);
});
