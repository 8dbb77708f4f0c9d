import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;

interface RunList {
  runs: { id: string; runbook: string; outcome: string; exitCode: number }[];
}

beforeAll(() =>
  project.write(
    [
      'system: reference',
      'lab: process',
      'version: 1.0.0',
      'releases:',
      '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
      '  1.1.0: { build: { context: ../node, args: { version: 1.1.0 } } }',
      '  1.2.0-bad: { build: { context: ../node, args: { version: 1.2.0-bad, fault: never-commits } } }',
      'nodes: { validator: 4 }',
      'gate: smoke',
      'load: { perSecond: 20 }',
      '',
    ].join('\n'),
  ),
);

// One story, in the order in which a user types it: each step stands on the one before.
describe('the main job on processes', () => {
  test('up creates four processes and gates them once, together', async () => {
    const { exitCode, stdout } = await project.seatrial('up', project.file);
    expect(stdout).toMatch(/gate 4 nodes: PASS \(weak profile\)/);
    expect(stdout.match(/creating 1\.0\.0/g)).toHaveLength(4);
    expect(exitCode).toBe(0);
  });

  test('status shows name, version, digest, height and start of every node', async () => {
    const nodes = await project.status();
    expect(nodes.map(({ name }) => name)).toEqual(['validator-0', 'validator-1', 'validator-2', 'validator-3']);
    for (const node of nodes) {
      expect(node).toMatchObject({ state: 'running', version: '1.0.0', healthy: true });
      expect(node.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(node.height).toBeGreaterThan(0);
      expect(Date.parse(node.startedAt ?? '')).toBeGreaterThan(Date.now() - 300_000);
    }
    const { stdout, exitCode } = await project.seatrial('status', testnet);
    expect(stdout.match(/healthy +1\.0\.0/g)).toHaveLength(4);
    expect(exitCode).toBe(0);
  });

  test('a second up finds nothing to do and restarts nothing', async () => {
    const before = await project.instances();
    const { exitCode, stdout } = await project.seatrial('up', project.file);
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/replacing|creating/);
    expect(Object.keys(before)).toHaveLength(4);
    expect(await project.instances()).toEqual(before);
  });

  test('plan shows the ordered steps with their margins and touches nothing', async () => {
    const before = await project.instances();
    const runs = await project.runIds();
    const { exitCode, stdout } = await project.seatrial('plan', 'rolling-upgrade', testnet, '--set', 'version=1.1.0');
    expect(exitCode).toBe(0);
    const steps = [...stdout.matchAll(/rolling-upgrade\/(validator-\d) +1\.0\.0 → 1\.1\.0/g)].map(([, name]) => name);
    expect(steps).toEqual(['validator-0', 'validator-1', 'validator-2', 'validator-3']);
    expect(stdout).toMatch(/worst quorum margin: quorum holds, none to spare/);
    expect(stdout).toMatch(/when a gate fails: every node of this run goes back to its release, newest first/);
    expect(await project.instances()).toEqual(before);
    expect(await project.runIds()).toEqual(runs);
  });

  test('a rolling upgrade brings one node after the other to 1.1.0 and loses no acknowledged transaction', async () => {
    const { exitCode, stdout } = await project.seatrial('run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0');
    expect(stdout).toMatch(/passed/);
    expect(exitCode).toBe(0);
    expect((await project.status()).map(({ version, healthy }) => [version, healthy])).toEqual(
      Array.from({ length: 4 }, () => ['1.1.0', true]),
    );
    const records = await project.newestRun();
    const order = records.flatMap((record) =>
      record.type === 'intent' || (record.type === 'gate.verdict' && record.step !== 'preflight')
        ? [record.type === 'intent' ? `change ${record.node}` : `${record.verdict.kind} ${record.nodes.join()}`]
        : [],
    );
    expect(order).toEqual([0, 1, 2, 3].flatMap((index) => [`change validator-${index}`, `PASS validator-${index}`]));
    const load = records.find((record) => record.type === 'load.finished');
    expect(load?.summary).toMatchObject({ lost: 0, duplicated: 0, unchecked: 0 });
    expect(load?.summary.acknowledged).toBeGreaterThan(100);
  });

  test('a bad release ends with 1: three nodes are never touched, the first is back on its old digest', async () => {
    const [first] = await project.status();
    const { 'validator-0': replaced, ...untouched } = await project.instances();
    const { exitCode, stdout } = await project.seatrial(
      'run',
      'rolling-upgrade',
      testnet,
      '--set',
      'version=1.2.0-bad',
    );
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/gate validator-0: FAIL/);
    expect(stdout).toMatch(/rolling back validator-0/);
    expect(stdout).toMatch(/rolled-back/);
    const { 'validator-0': back, ...others } = await project.instances();
    expect(Object.keys(others)).toHaveLength(3);
    expect(others).toEqual(untouched);
    expect(back).not.toBe(replaced);
    const after = await project.status();
    expect(after[0]).toMatchObject({ version: '1.1.0', digest: first?.digest, healthy: true });
    expect(after.every(({ healthy }) => healthy)).toBe(true);
  });

  test('runs are listed newest first with their ids and outcomes', async () => {
    const { runs } = await project.json<RunList>('runs', testnet);
    expect(runs.map(({ runbook, outcome, exitCode }) => [runbook, outcome, exitCode])).toEqual([
      ['rolling-upgrade', 'rolled-back', 1],
      ['rolling-upgrade', 'passed', 0],
      ['up', 'passed', 0],
      ['up', 'passed', 0],
    ]);
    expect(runs.map(({ id }) => id)).toEqual((await project.runIds()).reverse());
  });

  test('show tells a run event by event, by its id and by its testnet', async () => {
    const { runs } = await project.json<RunList>('runs', testnet);
    const byId = await project.seatrial('show', runs[0]?.id ?? '');
    expect(byId.stdout).toMatch(/validator-0: replacing 1\.1\.0 → 1\.2\.0-bad/);
    expect(byId.stdout).toMatch(/gate validator-0: FAIL/);
    expect((await project.seatrial('show', testnet)).stdout).toBe(byId.stdout);
    const { records } = await project.json<{ records: { type: string }[] }>('show', testnet);
    expect(records[0]?.type).toBe('run.started');
    expect(records.at(-1)?.type).toBe('run.finished');
  });

  test('report gives a self-contained page, a summary and JSON', async () => {
    const { stdout: page } = await project.seatrial('report', testnet);
    const html = await readFile(page, 'utf8');
    expect(html).toMatch(/1\.2\.0-bad/);
    expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="https?:/);
    expect((await project.seatrial('report', testnet, '--format', 'text')).stdout).toMatch(/rolled.back/i);
    const json = JSON.parse((await project.seatrial('report', testnet, '--format', 'json')).stdout) as unknown;
    expect(json).toBeTypeOf('object');
  });

  test('logs print the newest lines of the chosen nodes', async () => {
    const { lines } = await project.json<{ lines: { node: string }[] }>('logs', testnet, 'validator-1', '--tail', '5');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every(({ node }) => node === 'validator-1')).toBe(true);
  });

  test('an up after the runs changes nothing: the state that a run left stands while the file is unchanged', async () => {
    const before = await project.instances();
    const { exitCode, stdout } = await project.seatrial('up', project.file);
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/replacing/);
    expect(Object.keys(before)).toHaveLength(4);
    expect(await project.instances()).toEqual(before);
  });

  test('down ends every process and keeps the runs', async () => {
    const runs = await project.runIds();
    const { exitCode, stdout } = await project.seatrial('down', testnet);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/is gone: 4 nodes/);
    expect(await project.instances()).toEqual({});
    expect(runs.length).toBeGreaterThan(3);
    expect(await project.runIds()).toEqual(runs);
    const { exitCode: afterwards, stderr } = await project.seatrial('status', testnet);
    expect(afterwards).toBe(2);
    expect(stderr).toMatch(`${testnet} is not up; bring it up with: seatrial up stacks/${testnet}.yaml`);
  });
});
