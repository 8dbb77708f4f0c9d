import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readJournal } from '../../src/journal/read-journal.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { leaseOwner } from '../../src/lab/lease.ts';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;
const leases = join(project.stateDir, 'lease');

/** Lets an operator on another host hold the testnet. */
async function holdElsewhere(token: number): Promise<void> {
  const owner = { ...(await leaseOwner('run rollback', '2026-01-01T00:00:00Z')), host: 'elsewhere' };
  await mkdir(leases, { recursive: true });
  const claim = { token, owner, nonce: 'elsewhere', isReleased: false };
  await writeFile(join(leases, '000000900.json'), JSON.stringify(claim));
}

async function tokensOf(id: string | undefined): Promise<number[]> {
  const { records } = await readJournal(runFolder(project.stateDir, id ?? ''));
  return records.flatMap((record) => (record.type === 'lease.taken' ? [record.token] : []));
}

// One story, in the order in which it happens to a user.
test('an operator elsewhere keeps run and down out, until the lease is removed as the refusal says', async () => {
  await project.write(
    [
      'system: reference',
      'lab: process',
      'version: 1.0.0',
      'releases:',
      '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
      '  1.1.0: { build: { context: ../node, args: { version: 1.1.0 } } }',
      'nodes: { validator: 4 }',
      'gate: smoke',
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
  const [first] = await project.runIds();
  expect(await tokensOf(first)).toEqual([1]);
  const before = await project.instances();

  await holdElsewhere(41);
  const told = `testnet ${testnet} is being changed by run rollback on elsewhere (pid ${process.pid}, since 2026-01-01T00:00:00Z)`;
  const commands = [
    ['run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0'],
    ['down', testnet],
  ];
  for (const command of commands) {
    const { exitCode, stderr } = await project.seatrial(...command);
    expect(stderr).toContain(told);
    expect(exitCode).toBe(2);
  }
  expect(Object.keys(before)).toHaveLength(4);
  expect(await project.instances()).toEqual(before);
  expect(await project.runIds()).toEqual([first]);

  const { stderr } = await project.seatrial('down', testnet);
  const [, file = ''] = /remove its lease by hand: rm (\S+)/.exec(stderr) ?? [];
  await execa('rm', [file]);
  await project.succeed('run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0');
  const [, second] = await project.runIds();
  const [token = 0] = await tokensOf(second);
  expect(token).toBeGreaterThan(1);
  const states = JSON.parse(await readFile(join(project.stateDir, 'runs', second ?? '', 'breakers.json'), 'utf8')) as {
    callClass: string;
    state: string;
    successes: number;
  }[];
  // Each node on two paths: probes take its own port, traffic the link of clients.
  expect(states).toHaveLength(8);
  for (const state of states) expect(state).toMatchObject({ callClass: 'rpc', state: 'closed' });
  expect(Math.min(...states.map(({ successes }) => successes))).toBeGreaterThan(10);
  await project.succeed('down', testnet);
  expect(await readdir(leases)).toHaveLength(1);
});
