import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { processIdentity } from '../../../src/core/process-identity.ts';
import { endOrphans, markEnvironment } from '../../../src/deploy/pulumi/orphans.ts';
import { operationProcess } from '../../helpers/pulumi/operation-process.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const gone = { testnet: 'demo', pid: 2 ** 22 + 1, startTicks: '1', bootId: 'another' };

/** A process that has said that it is there, with what it said. */
async function saying(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the process has no output');
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return chunk.toString('utf8').trim();
}

async function ended(child: ChildProcess): Promise<NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode;
}

const end = (root: string): Promise<number[]> =>
  endOrphans({ root, testnet: 'demo', clock: systemClock, signal: undefined });

test('a process that a dead command’s operation left is ended, with SIGKILL where SIGTERM does nothing', async () => {
  const root = await temporaryFolder();
  const polite = operationProcess({ ...gone, root });
  const stubborn = operationProcess({ ...gone, root }, { script: 'trap "" TERM; echo there; exec sleep 120' });
  await saying(stubborn);
  expect((await end(root)).sort()).toEqual([polite.pid, stubborn.pid].sort());
  expect(await ended(polite)).toBe('SIGTERM');
  expect(await ended(stubborn)).toBe('SIGKILL');
  expect(await end(root)).toEqual([]);
});

test('a CLI that outlived its command is left to finish, and so is what it started', async () => {
  const root = await temporaryFolder();
  const cli = operationProcess({ ...gone, root }, { script: 'sleep 120 & echo $!; wait', argv0: 'pulumi' });
  const plugin = Number(await saying(cli));
  expect(await end(root)).toEqual([]);
  expect(await processIdentity(plugin)).toBeDefined();
  // Without its CLI the plugin is one that was left.
  cli.kill('SIGKILL');
  await ended(cli);
  expect(await end(root)).toEqual([plugin]);
  expect(await processIdentity(plugin)).toBeUndefined();
});

test('what belongs to a living command, to another testnet or checkout, or to nobody known, is left alone', async () => {
  const root = await temporaryFolder();
  const { SEATRIAL_OPERATION: own = '' } = await markEnvironment(root, 'demo');
  const others = [
    operationProcess(JSON.parse(own) as Record<string, unknown>),
    operationProcess({ ...gone, root, testnet: 'demo-2' }),
    operationProcess({ ...gone, root: '/elsewhere' }),
    operationProcess({}),
  ];
  expect(own).toContain(`"pid":${process.pid}`);
  expect(await end(root)).toEqual([]);
  for (const other of others) expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});
