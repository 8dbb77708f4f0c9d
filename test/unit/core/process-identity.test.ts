import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive, processIdentity } from '../../../src/core/process-identity.ts';

test('a living process is alive, the same pid with another start or boot is not', async () => {
  const self = await processIdentity(process.pid);
  if (!self) throw new Error('this process has no identity');
  expect(await isAlive(self)).toBe(true);
  expect(await isAlive({ ...self, startTicks: '1' })).toBe(false);
  expect(await isAlive({ ...self, bootId: 'another' })).toBe(false);
});

test('a process whose name holds spaces and parentheses is read right', async () => {
  const child = spawn('bash', ['-c', 'printf "a) R 1 (b" > /proc/self/comm; echo ready; read -r'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const identity = await processIdentity(child.pid ?? 0);
  expect(identity?.startTicks).toMatch(/^\d{3,}$/);
  child.stdin.end();
  await once(child, 'exit');
  expect(identity && (await isAlive(identity))).toBe(false);
});

test('what is not there has no identity', async () => {
  expect(await processIdentity(2 ** 30)).toBeUndefined();
});
