import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;

interface LoadReport {
  loadId: string;
  nodes: string[];
  sent: number;
  acknowledged: number;
  unknown: number;
  verdict: string;
  exitCode: number;
  ledgerCheck: { lost: string[]; duplicated: string[]; unchecked: number };
}

beforeAll(async () => {
  await project.write(
    [
      ...['system: reference', 'lab: process', 'gate: smoke', 'version: 1.0.0'],
      'releases:',
      '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
      '  1.1.0: { build: { context: ../node, args: { version: 1.1.0 } } }',
      'nodes: { validator: 4 }',
      'load: { perSecond: 10 }',
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
});

test('load offers its rate for its time, finds every acknowledged transaction, and keeps its own ledger', async () => {
  const told = await project.json<LoadReport>('load', testnet, '--rate', '30', '--for', '5s');
  expect(told).toMatchObject({ verdict: 'passed', exitCode: 0 });
  expect(told.ledgerCheck).toMatchObject({ lost: [], duplicated: [], unchecked: 0 });
  expect(told.acknowledged).toBeGreaterThan(100);
  expect(told.sent).toBeLessThanOrEqual(150);
  const ledger = await readFile(join(project.stateDir, 'loads', told.loadId, 'ledger.jsonl'), 'utf8');
  expect(ledger.split('\n').filter((line) => line.includes('"outcome":"acknowledged"'))).toHaveLength(
    told.acknowledged,
  );
  // It is no run.
  expect(await project.runIds()).toHaveLength(1);
});

test('it goes on beside a run without its lock, and neither takes the transactions of the other for its own', async () => {
  const load = project.start('load', testnet, '--rate', '20', '--for', '60s', '--nodes', 'validator-0', 'validator-3');
  const { stdout } = await project.succeed('run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0');
  expect(stdout).toMatch(/load: \d+ sent, .* 0 lost, 0 doubled/);
  load.kill('SIGINT');
  const { exitCode, stdout: told, stderr } = await load.ended;
  expect(stderr).toContain('SIGINT: no more is sent');
  expect(told).toMatch(/^interrupted after .*\/s acknowledged, p50 \d+ ms/);
  expect(told).toMatch(/^0 lost, 0 doubled, 0 there though refused/m);
  expect(told).toMatch(/^passed$/m);
  expect(exitCode).toBe(130);
});

test('where a node cannot be read afterwards nothing is claimed of what was acknowledged', async () => {
  const load = project.start('load', testnet, '--rate', '10', '--for', '3s', '--json');
  await project.crash('validator-2');
  const { exitCode, stdout } = await load.ended;
  const told = JSON.parse(stdout) as LoadReport & { reason: string };
  expect(told.acknowledged).toBeGreaterThan(0);
  expect({ exitCode, verdict: told.verdict }).toEqual({ exitCode: 3, verdict: 'inconclusive' });
  expect(told.reason).toMatch(/could not be looked for: .*validator-2/);
  await project.succeed('up', project.file);
});

test.each([
  [['--rate', '0'], '--rate cannot be "0"'],
  [['--rate', 'fast'], '--rate cannot be "fast"'],
  [['--for', '10'], '--for cannot be "10"'],
  [['--rate', '1000', '--for', '2d'], 'slo-watch'],
  [['--nodes', 'validator-9'], 'there is no node validator-9; did you mean validator-'],
])('load %j is refused and says what is wrong', async (options, message) => {
  const { exitCode, stderr } = await project.seatrial('load', testnet, ...options);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(message);
});
