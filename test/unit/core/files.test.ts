import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isErrno, readJsonFile, removeTornFiles, writeFileAtomic } from '../../../src/core/files.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

describe('writeFileAtomic', () => {
  test('makes folders, replaces the content and leaves nothing else behind', async () => {
    const folder = join(await temporaryFolder(), 'a/b');
    const file = join(folder, 'state.json');
    await writeFileAtomic(file, 'one');
    await writeFileAtomic(file, 'two');
    expect(await readFile(file, 'utf8')).toBe('two');
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  test('gives the file its mode, also where another was there', async () => {
    const file = join(await temporaryFolder(), 'secret');
    await writeFile(file, 'open to all', { mode: 0o644 });
    await writeFileAtomic(file, 'closed', { mode: 0o600 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('that fails keeps the old content and removes its own beginnings', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'target/in-the-way'), { recursive: true });
    await expect(writeFileAtomic(join(folder, 'target'), 'x')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['target']);
  });

  test('by many writers at once leaves the content of one of them, whole', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'state');
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(10_000));
    await Promise.all(contents.map((content) => writeFileAtomic(file, content)));
    expect(contents).toContain(await readFile(file, 'utf8'));
    expect(await readdir(folder)).toEqual(['state']);
  });
});

describe('removeTornFiles', () => {
  test('removes what a killed writer left, and nothing that another still writes', async () => {
    const folder = await temporaryFolder();
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const torn = `.state.json.${dead}-0123456789ab`;
    const kept = [`.other.json.${process.pid}-0123456789ab`, '.hidden', `state.json`, `x.${dead}-0123456789ab`].sort();
    for (const name of [torn, ...kept]) await writeFile(join(folder, name), '{');
    await removeTornFiles(folder);
    expect((await readdir(folder)).sort()).toEqual(kept);
  });

  test('knows the beginnings of a writer that was really killed', async () => {
    const folder = await temporaryFolder();
    const module = join(import.meta.dirname, '../../../src/core/files.ts');
    // Killed by itself as soon as a file is there that is not the one to be written.
    const script = `
      const { readdirSync } = await import('node:fs');
      const { writeFileAtomic } = await import(${JSON.stringify(module)});
      const folder = ${JSON.stringify(folder)};
      for (let i = 0; i < 200; i++) void writeFileAtomic(folder + '/state', 'x'.repeat(100_000));
      const look = () => {
        if (readdirSync(folder).some((name) => name !== 'state')) process.kill(process.pid, 'SIGKILL');
        setImmediate(look);
      };
      look();
    `;
    spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect((await readdir(folder)).filter((name) => name !== 'state').length).toBeGreaterThan(0);
    await removeTornFiles(folder);
    expect((await readdir(folder)).filter((name) => name !== 'state')).toEqual([]);
  });

  test('of a folder that is not there is content', async () => {
    await expect(removeTornFiles(join(await temporaryFolder(), 'nothing'))).resolves.toBeUndefined();
  });
});

describe('readJsonFile', () => {
  test('of a file that is not there is undefined', async () => {
    expect(await readJsonFile(join(await temporaryFolder(), 'nothing'))).toBeUndefined();
  });

  test('of a torn file throws with the file’s name', async () => {
    const file = join(await temporaryFolder(), 'torn.json');
    await writeFile(file, '{"a":');
    await expect(readJsonFile(file)).rejects.toThrow(`${file} is not valid JSON`);
  });
});

test('isErrno knows a system error by its code', () => {
  expect(isErrno(Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT')).toBe(true);
  expect(isErrno(Object.assign(new Error('x'), { code: 'EACCES' }), 'ENOENT')).toBe(false);
  expect(isErrno({ code: 'ENOENT' }, 'ENOENT')).toBe(false);
});
