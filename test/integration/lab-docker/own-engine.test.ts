import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { connectDocker } from '../../../src/lab/docker/connection.ts';
import { startOwnDockerd } from '../../helpers/own-dockerd.ts';

const lacks =
  process.getuid?.() !== 0
    ? 'root'
    : existsSync('/usr/sbin/dockerd') || existsSync('/usr/bin/dockerd')
      ? undefined
      : 'dockerd';
const title = 'an engine of the tests’ own';

describe.skipIf(lacks !== undefined)(
  lacks === undefined ? title : `${title} [skipped: needs ${lacks}]`,
  { timeout: 120_000 },
  () => {
    const tracesOf = async (folder: string): Promise<string[]> => {
      const id = folder.split('-').at(-1) ?? '';
      const traces: string[] = [];
      for (const entry of await readdir('/proc')) {
        if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
        const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
        if (command.includes(folder)) traces.push(`process ${entry}: ${command.replaceAll('\0', ' ')}`);
      }
      const mounts = await readFile('/proc/self/mounts', 'utf8');
      traces.push(...mounts.split('\n').filter((line) => line.includes(folder)));
      if (existsSync(`/sys/class/net/seat${id}`)) traces.push(`bridge seat${id}`);
      const rules = await execa('iptables-save', { reject: false });
      traces.push(...rules.stdout.split('\n').filter((line) => line.includes(`seatrial-engine-${id}`)));
      if (existsSync(folder)) traces.push(folder);
      return traces;
    };
    const folderOf = (dockerHost: string): string => dirname(dockerHost.replace('unix://', ''));

    test('is empty, apart from any other one, and leaves nothing on the machine', async () => {
      const own = await startOwnDockerd();
      const folder = folderOf(own.dockerHost);
      try {
        const { docker } = await connectDocker({ host: own.dockerHost });
        expect(await docker.listContainers({ all: true })).toEqual([]);
        expect(await docker.listImages()).toEqual([]);
        await docker.createNetwork({ Name: 'left-behind', CheckDuplicate: true });
        expect((await tracesOf(folder)).length).toBeGreaterThan(2);
      } finally {
        await own.stop();
      }
      expect(await tracesOf(folder)).toEqual([]);
    });

    test('is ended when its command is told to end, and by the next one when its owner was killed', async () => {
      const told = await begin();
      process.kill(told.runner, 'SIGTERM');
      expect(await told.ended).toBe(143);
      expect(await tracesOf(told.folder)).toEqual([]);

      const killed = await begin();
      process.kill(killed.runner, 'SIGKILL');
      await killed.ended;
      // What the runner had started goes on without it; here that is a `sleep`.
      process.kill(killed.command, 'SIGKILL');
      expect(await tracesOf(killed.folder)).not.toEqual([]);
      await (await startOwnDockerd()).stop();
      expect(await tracesOf(killed.folder)).toEqual([]);
    });
  },
);

interface Begun {
  runner: number;
  command: number;
  folder: string;
  ended: Promise<number | null>;
}

/** Runs a long command under scripts/test-env.ts with an engine of its own, and returns when it runs. */
async function begin(): Promise<Begun> {
  const script = fileURLToPath(new URL('../../../scripts/test-env.ts', import.meta.url));
  const child = spawn(process.execPath, [script, '--own-engine', 'sh', '-c', 'echo $$ $DOCKER_HOST; exec sleep 300'], {
    env: { ...process.env, SEATRIAL_TEST_IMAGES: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [, command, path] = await waitFor(async () => /^(\d+) unix:\/\/(\S+)\n/.exec(output) ?? undefined, {
    clock: systemClock,
    what: 'the command to run',
    timeoutMs: 60_000,
  });
  return { runner: child.pid ?? 0, command: Number(command), folder: dirname(path ?? ''), ended };
}
