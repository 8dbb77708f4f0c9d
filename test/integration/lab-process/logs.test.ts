import { appendFileSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logWith, processBench } from './sample-nodes.ts';

const tenMiB = 10 * 1024 * 1024;

/** Writes a line whenever it gets SIGUSR1. */
const talkingProgram = `
let count = 0;
process.on('SIGUSR1', () => console.log('line ' + ++count));
process.on('SIGTERM', () => process.exit(0));
setInterval(() => {}, 1000);
console.log('ready');`;

test('a log beyond its size is rotated while the node runs, and the node goes on in the new file', async () => {
  const { lab, node, stateDir } = await processBench();
  const logDir = join(stateDir, 'nodes', 'validator-0', 'logs');
  const log = join(logDir, 'node.log');
  const validator = await node('validator-0', talkingProgram);
  await lab.launch(validator);
  await logWith(lab, validator, 'ready');
  for (let round = 1; round <= 4; round++) {
    appendFileSync(log, `${`filler ${round} `.padEnd(1023, '.')}\n`.repeat(tenMiB / 1024));
    await lab.observe(validator);
    expect(statSync(log).size).toBe(0);
    await lab.signal(validator, 'SIGUSR1');
    await logWith(lab, validator, `line ${round}`);
    expect(readFileSync(log, 'utf8')).toBe(`line ${round}\n`);
  }
  expect(readdirSync(logDir).sort()).toEqual(['node.log', 'node.log.1', 'node.log.2']);
  const newest = (await lab.logs(validator, { tail: 2 })).map(({ text }) => text.slice(0, 8));
  expect(newest).toEqual(['filler 4', 'line 4']);
  const acrossFiles = await lab.logs(validator, { tail: tenMiB / 1024 + 3 });
  expect(acrossFiles.map(({ text }) => text.slice(0, 8)).slice(0, 3)).toEqual(['filler 3', 'line 3', 'filler 4']);
});

test('several observers at once rotate once and lose no line', async () => {
  const { lab, secondLab, node, stateDir } = await processBench();
  const logDir = join(stateDir, 'nodes', 'validator-0', 'logs');
  const validator = await node('validator-0', talkingProgram);
  await lab.launch(validator);
  await logWith(lab, validator, 'ready');
  appendFileSync(join(logDir, 'node.log'), `${'x'.repeat(1023)}\n`.repeat(tenMiB / 1024));
  await Promise.all([lab, secondLab(), secondLab()].map((observer) => observer.observe(validator)));
  expect(readdirSync(logDir).sort()).toEqual(['node.log', 'node.log.1']);
  expect(statSync(join(logDir, 'node.log.1')).size).toBe(tenMiB + 'ready\n'.length);
});

test('a log beyond its size is rotated before the next start', async () => {
  const { lab, node, stateDir } = await processBench();
  const log = join(stateDir, 'nodes', 'validator-0', 'logs', 'node.log');
  const validator = await node('validator-0', talkingProgram);
  await lab.launch(validator);
  await lab.stop(validator);
  writeFileSync(log, 'x'.repeat(tenMiB));
  await lab.start(validator);
  await logWith(lab, validator, 'ready');
  expect(readFileSync(log, 'utf8')).toBe('ready\n');
  expect(statSync(`${log}.1`).size).toBe(tenMiB);
});

test('exec runs beside the node: in its data folder, with its environment, capped, with the exit code', async () => {
  const { lab, node } = await processBench();
  const validator = await node('validator-0', talkingProgram, { env: { COLOUR: 'green' } });
  await expect(lab.exec(validator, ['true'])).rejects.toThrow('exec on validator-0: it does not exist');
  await lab.launch(validator);
  const result = await lab.exec(validator, ['sh', '-c', 'pwd; echo $COLOUR; echo oops >&2; exit 3']);
  expect(result).toEqual({ exitCode: 3, stdout: `${validator.dataDir}\ngreen\n`, stderr: 'oops\n' });
  const long = await lab.exec(validator, ['sh', '-c', 'head -c 3000000 /dev/zero; exit 5']);
  expect([long.stdout.length, long.exitCode]).toEqual([1024 * 1024, 5]);
  expect((await lab.exec(validator, ['no-such-program'])).exitCode).toBe(127);
  await expect(lab.exec(validator, ['sleep', '30'], { timeoutMs: 100 })).rejects.toThrow(
    'exec on validator-0: sleep 30 did not end within 100 ms',
  );
  const abort = new AbortController();
  const running = lab.exec(validator, ['sleep', '30'], { signal: abort.signal });
  abort.abort();
  await expect(running).rejects.toMatchObject({ code: 'aborted' });
});
