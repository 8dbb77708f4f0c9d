import { copyFileSync, existsSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256, sha256File } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { nodePaths, readRecord, writeRecord } from '../../../src/lab/process/record.ts';
import { readStat } from '../../../src/lab/process/proc.ts';
import { bystander, isThere, logWith, obedientProgram, processBench } from './sample-nodes.ts';

describe('what really runs', () => {
  test('identity is read from the process: digest of its program, its arguments, its start and its pid', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram, { args: ['0', '--flag'] });
    const beforeMs = systemClock.wallMs();
    await lab.launch(validator);
    const afterMs = systemClock.wallMs();
    const { state, identity } = await lab.observe(validator);
    expect(state).toBe('running');
    expect(identity?.digest).toBe(validator.release.digest);
    expect(identity?.command).toEqual(['0', '--flag']);
    expect(identity?.generation).toBe('generation-1');
    expect(identity?.startedAtMs).toBeGreaterThan(beforeMs - 50);
    expect(identity?.startedAtMs).toBeLessThan(afterMs + 50);
    const pid = identity?.pid ?? 0;
    expect(identity?.instance).toBe(`${pid}:${readStat(pid)?.startTicks}`);
  });

  test('the digest is that of the file that was started, whatever the release claims', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    const claimed = { ...validator, release: { ...validator.release, digest: `sha256:${'0'.repeat(64)}` } };
    await lab.launch(claimed);
    expect((await lab.observe(claimed)).identity?.digest).toBe(validator.release.digest);
  });

  test('a program that was swapped under a running node no longer has the intended digest', async () => {
    const { lab, secondLab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    expect((await lab.observe(validator)).identity?.digest).toBe(validator.release.digest);
    const other = `${obedientProgram}\n// another release`;
    writeFileSync(validator.command[1] ?? '', other);
    for (const observer of [lab, secondLab()]) {
      const { identity, detail } = await observer.observe(validator);
      expect(identity?.digest).toBe(`changed-since-start:sha256:${sha256(other)}`);
      expect(detail).toContain('was changed after the start');
    }
  });

  test('a wrong program does not pass because the right one was put in its place after the start', async () => {
    const { lab, node, folder } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    const path = validator.command[1] ?? '';
    copyFileSync(path, join(folder, 'right.mjs'));
    writeFileSync(path, `${obedientProgram}\n// not the release`);
    await lab.launch(validator);
    renameSync(join(folder, 'right.mjs'), path);
    const { identity } = await lab.observe(validator);
    expect(`sha256:${await sha256File(path)}`).toBe(validator.release.digest);
    expect(identity?.digest).toBe(`changed-since-start:${validator.release.digest}`);
  });

  test('a program file that only got new times keeps its digest', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    writeFileSync(validator.command[1] ?? '', obedientProgram);
    expect((await lab.observe(validator)).identity?.digest).toBe(validator.release.digest);
  });

  test('a native program keeps its digest when its path is replaced: the running file is still there', async () => {
    const { lab, node, folder } = await processBench();
    const programPath = join(folder, 'own-sleep');
    copyFileSync('/bin/sleep', programPath);
    const digest = `sha256:${await sha256File(programPath)}`;
    const validator = await node('validator-0', '', {
      release: { version: '1.0.0', kind: 'program', digest, programPath },
      command: [programPath, '60'],
    });
    await lab.launch(validator);
    copyFileSync('/bin/true', join(folder, 'next'));
    renameSync(join(folder, 'next'), programPath);
    const { identity } = await lab.observe(validator);
    expect(identity?.digest).toBe(digest);
    expect(identity?.command).toEqual(['60']);
  });
});

describe('a pid that belongs to somebody else', () => {
  test('is neither observed as the node nor signalled', async () => {
    const { lab, node, stateDir } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    await lab.stop(validator);
    const other = await bystander();
    const paths = nodePaths(stateDir, 'validator-0');
    const record = await readRecord(paths);
    const startTicks = readStat(other.pid)?.startTicks ?? 0;
    expect(startTicks).toBeGreaterThan(0);
    if (!record) throw new Error('the node has no record');
    await writeRecord(paths, { ...record, pid: other.pid, startTicks: startTicks - 1 });
    expect((await lab.observe(validator)).state).toBe('stopped');
    await lab.stop(validator);
    await expect(lab.signal(validator, 'SIGKILL')).rejects.toThrow('it is not running');
    await lab.launch(validator);
    await lab.stop(validator);
    await lab.remove(validator);
    expect(isThere(other.pid)).toBe(true);
  });

  test('is not the node after a restart of the machine, even with the same ticks', async () => {
    const { lab, node, stateDir } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    await lab.stop(validator);
    const other = await bystander();
    const paths = nodePaths(stateDir, 'validator-0');
    const record = await readRecord(paths);
    if (!record) throw new Error('the node has no record');
    await writeRecord(paths, {
      ...record,
      pid: other.pid,
      startTicks: readStat(other.pid)?.startTicks ?? 0,
      bootId: 'another boot',
      stopRequestedAtMs: null,
    });
    expect(await lab.observe(validator)).toEqual({
      node: 'validator-0',
      state: 'stopped',
      detail: expect.stringContaining('machine was restarted') as string,
      exitCode: 0,
    });
    await lab.stop(validator);
    expect(isThere(other.pid)).toBe(true);
  });
});

describe('files of a node', () => {
  test('are written before the start, secrets readable by the owner only, and follow the definition', async () => {
    const { lab, node, stateDir, folder } = await processBench();
    const home = join(stateDir, 'nodes', 'validator-0');
    const secretSource = join(folder, 'secret-source');
    writeFileSync(secretSource, 'key', { mode: 0o600 });
    const validator = await node('validator-0', 'console.log("done")', {
      files: { [join(home, 'config', 'a.json')]: '{"a":1}', [join(home, 'config', 'b.json')]: '{}' },
      secretFiles: { [join(home, 'secrets', 'key')]: secretSource },
    });
    await lab.launch(validator);
    expect(await readFile(join(home, 'config', 'a.json'), 'utf8')).toBe('{"a":1}');
    expect(await readFile(join(home, 'secrets', 'key'), 'utf8')).toBe('key');
    expect(statSync(join(home, 'secrets', 'key')).mode & 0o777).toBe(0o600);
    expect(await readFile(join(home, 'process.json'), 'utf8')).not.toContain('"key"');
    await lab.stop(validator);
    await lab.launch({ ...validator, files: { [join(home, 'config', 'a.json')]: '{"a":2}' } });
    expect(await readFile(join(home, 'config', 'a.json'), 'utf8')).toBe('{"a":2}');
    expect(existsSync(join(home, 'config', 'b.json'))).toBe(false);
  });

  test('outside the testnet’s folder are refused before anything is written', async () => {
    const { lab, node, folder } = await processBench();
    const outside = join(folder, 'outside.json');
    const validator = await node('validator-0', obedientProgram, { files: { [outside]: '{}' } });
    await expect(lab.launch(validator)).rejects.toThrow(/outside\.json of validator-0 lies outside/);
    expect((await lab.observe(validator)).state).toBe('absent');
  });

  test('a secret that is missing is an error that names it', async () => {
    const { lab, node, stateDir, folder } = await processBench();
    const source = join(folder, 'missing-key');
    const secretFiles = { [join(stateDir, 'nodes', 'validator-0', 'secrets', 'key')]: source };
    await expect(lab.launch(await node('validator-0', obedientProgram, { secretFiles }))).rejects.toThrow(
      `the secret file ${source} of validator-0 does not exist`,
    );
  });

  test('a wiped node loses its data and keeps its identity', async () => {
    const { lab, node, stateDir, folder } = await processBench();
    const secretSource = join(folder, 'secret-source');
    writeFileSync(secretSource, 'key', { mode: 0o600 });
    const secret = join(stateDir, 'nodes', 'validator-0', 'secrets', 'key');
    const validator = await node('validator-0', obedientProgram, { secretFiles: { [secret]: secretSource } });
    await lab.launch(validator);
    await mkdir(join(validator.dataDir, 'blocks'));
    writeFileSync(join(validator.dataDir, 'blocks', '1'), 'block');
    await lab.stop(validator);
    await lab.wipe(validator);
    expect(readdirSync(dirname(secret))).toEqual(['key']);
    expect(readdirSync(validator.dataDir)).toEqual([]);
    await lab.start(validator);
    expect((await lab.observe(validator)).state).toBe('running');
  });
});
