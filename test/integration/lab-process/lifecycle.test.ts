import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { LabError } from '../../../src/core/errors.ts';
import { isThere, logWith, obedientProgram, processBench, stopped, stubbornProgram } from './sample-nodes.ts';

describe('starting', () => {
  test('a launched node runs in its data folder with its own environment and none of the operator’s', async () => {
    const { lab, node } = await processBench();
    process.env['OPERATORS_TOKEN'] = 'hidden';
    const source = `console.log(JSON.stringify({ cwd: process.cwd(), own: process.env.OWN, token: process.env.OPERATORS_TOKEN ?? null }));`;
    const validator = await node('validator-0', source, { env: { OWN: 'yes' } });
    await lab.launch(validator);
    expect(JSON.parse(await logWith(lab, validator, 'cwd'))).toEqual({
      cwd: validator.dataDir,
      own: 'yes',
      token: null,
    });
    delete process.env['OPERATORS_TOKEN'];
  });

  test('a node that ends at once is launched without an error and observed as stopped with its exit code', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', 'process.exit(7);');
    await lab.launch(validator);
    await stopped(lab, validator);
    expect(await lab.observe(validator)).toEqual({
      node: 'validator-0',
      state: 'stopped',
      exitCode: 7,
      detail: 'validator-0 ended by itself with exit code 7',
    });
  });

  test('a program that does not exist is an error that names the node, and the node is not running', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', '', { command: ['/nonexistent/program'] });
    await expect(lab.launch(validator)).rejects.toThrow(/^validator-0 could not be started: .*ENOENT/);
    expect((await lab.observe(validator)).state).toBe('stopped');
  });

  test('start uses the definition that the node was launched with, and does nothing when it runs', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    const first = (await lab.observe(validator)).identity;
    await lab.start(validator);
    expect((await lab.observe(validator)).identity).toEqual(first);
    await lab.stop(validator);
    await lab.start({ ...validator, generation: 'generation-2', command: ['false'] });
    const second = (await lab.observe(validator)).identity;
    expect(second?.generation).toBe('generation-1');
    expect(second?.instance).not.toBe(first?.instance);
    expect(second?.digest).toBe(validator.release.digest);
  });

  test('a running node cannot be launched, wiped or removed', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await expect(lab.launch(validator)).rejects.toThrow(/validator-0 cannot be launched: it is running as pid \d+/);
    await expect(lab.wipe(validator)).rejects.toThrow(/cannot be wiped/);
    await expect(lab.remove(validator)).rejects.toThrow(/cannot be removed/);
    expect((await lab.observe(validator)).state).toBe('running');
  });

  test('a node that was never launched cannot be started', async () => {
    const { lab, node } = await processBench();
    await expect(lab.start(await node('validator-0', obedientProgram))).rejects.toThrow(LabError);
  });
});

describe('stopping', () => {
  test('a program that obeys is stopped long before its grace time', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    const startMs = systemClock.monotonicMs();
    await lab.stop(validator);
    expect(systemClock.monotonicMs() - startMs).toBeLessThan(2000);
    expect(await lab.observe(validator)).toEqual({ node: 'validator-0', state: 'stopped', exitCode: 0 });
  });

  test('a program that ignores SIGTERM gets SIGKILL after its grace time', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', stubbornProgram, { stop: { signal: 'SIGTERM', graceMs: 300 } });
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    const startMs = systemClock.monotonicMs();
    await lab.stop(validator);
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(300);
    expect(await logWith(lab, validator, 'asked to stop')).toBe('ready\nasked to stop');
    await stopped(lab, validator);
    expect((await lab.observe(validator)).exitCode).toBe(137);
  });

  test('two stops at once ask the program once and both return when it is gone', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', stubbornProgram, { stop: { signal: 'SIGTERM', graceMs: 200 } });
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    const ends = await Promise.all(
      [1, 2].map(async () => {
        await lab.stop(validator);
        return (await lab.observe(validator)).state;
      }),
    );
    expect(ends).toEqual(['stopped', 'stopped']);
    const log = await logWith(lab, validator, 'asked to stop');
    expect(log.match(/asked to stop/g)).toHaveLength(1);
  });

  test('stopping a stopped or unknown node succeeds', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.stop(validator);
    await lab.launch(validator);
    await lab.stop(validator);
    await lab.stop(validator);
    expect((await lab.observe(validator)).state).toBe('stopped');
  });

  test('a paused node is observed as paused and stops gracefully', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    await lab.signal(validator, 'SIGSTOP');
    expect((await lab.observe(validator)).state).toBe('paused');
    await lab.stop(validator);
    expect(await logWith(lab, validator, 'stopping')).toBe('ready\nstopping');
  });

  test('an abort ends the wait, not the grace time of the node', async () => {
    const { lab, node } = await processBench();
    const validator = await node('validator-0', stubbornProgram, { stop: { signal: 'SIGTERM', graceMs: 60_000 } });
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    const abort = new AbortController();
    const stopping = lab.stop(validator, { signal: abort.signal });
    abort.abort();
    await expect(stopping).rejects.toMatchObject({ code: 'aborted' });
    expect((await lab.observe(validator)).state).toBe('running');
  });

  test('children that a node leaves behind are ended with it', async () => {
    const { lab, node } = await processBench();
    const source = `
      import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
      console.log('child ' + child.pid);
      process.on('SIGTERM', () => process.exit(0));
      setInterval(() => {}, 1000);`;
    const validator = await node('validator-0', source);
    await lab.launch(validator);
    const childPid = Number((await logWith(lab, validator, 'child')).split(' ')[1]);
    expect(isThere(childPid)).toBe(true);
    await lab.stop(validator);
    await expect.poll(() => isThere(childPid)).toBe(false);
  });
});

describe('removing', () => {
  test('a removed node leaves nothing, and the last one not even the folder', async () => {
    const { lab, node, stateDir, folder } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    expect(await lab.list()).toEqual(['validator-0']);
    await lab.stop(validator);
    await lab.remove(validator);
    await lab.remove(validator);
    expect(await lab.list()).toEqual([]);
    expect(await lab.observe(validator)).toEqual({ node: 'validator-0', state: 'absent' });
    expect(readdirSync(stateDir)).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(['.seatrial', 'programs']);
  });
});
