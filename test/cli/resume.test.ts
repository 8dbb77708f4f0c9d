import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../src/journal/records.ts';
import { journalFile, runFolder } from '../../src/journal/run-files.ts';
import { digestsIn, expectSameEnds, isSoak, killPoints, type KillPoint } from '../helpers/kill-and-resume.ts';
import { killableProject } from '../helpers/killable-project.ts';
import { killAtRecord } from '../helpers/kill-at-record.ts';
import { useProject } from '../helpers/project.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';
import { turnBit } from '../helpers/verified-run.ts';

const project = useProject();
const { testnet, stateDir } = project;
const repository = join(import.meta.dirname, '..', '..');
const timeout = isSoak ? 5 * 3_600_000 : 400_000;

const net = killableProject(project);

/** Digest by version, as the first nodes that ran them told. */
const digests = new Map<string, string>();

/** Upgrades these nodes to the release that the first of them does not run. */
async function upgradeOf(...nodes: string[]) {
  const status = await project.status();
  const version = status.find(({ name }) => name === nodes[0])?.version === '1.0.0' ? '1.1.0' : '1.0.0';
  const digest = digests.get(version) ?? '';
  return {
    runbook: 'rolling-upgrade',
    set: { version, nodes: nodes.join(',') },
    exitCode: 0,
    outcome: 'passed',
    digests: Object.fromEntries(nodes.map((node) => [node, digest])),
    starts: Object.fromEntries(nodes.map((node) => [node, 1])),
  };
}

const kindsIn = (records: readonly RunRecord[]): string[] => [...new Set(records.map(({ type }) => type))].sort();

beforeAll(async () => {
  await project.write(
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
  );
  await project.succeed('up', project.file);
  digests.set('1.0.0', (await project.status())[0]?.digest ?? '');
}, timeout);

// One network for all of them; each leaves it whole for the next.
describe('a run whose process is killed', { timeout }, () => {
  test('at a record of each kind of an upgrade goes on to the same end, and replaces no node twice', async () => {
    const nodes = ['validator-3'];
    await project.succeed(
      'run',
      'rolling-upgrade',
      testnet,
      '--set',
      'version=1.1.0',
      '--set',
      `nodes=${nodes.join()}`,
    );
    digests.set('1.1.0', (await project.status())[3]?.digest ?? '');
    expect(new Set(digests.values()).size).toBe(2);
    expect(await net.leftovers()).toEqual([]);
    const records = await project.newestRun();
    const points = killPoints(records);
    expect([...new Set(points.map(({ type }) => type)), 'run.finished'].sort()).toEqual(kindsIn(records));
    expect(points.length).toBeGreaterThan(10);
    await expectSameEnds(net, 'rolling-upgrade', points, () => upgradeOf(...nodes));
  });

  test('in the middle of an upgrade of all nodes reaches the new release on all of them', async () => {
    const all = (await project.status()).map(({ name }) => name);
    // From whatever they run: the one that differs is changed before.
    await project.succeed('run', 'rolling-upgrade', testnet, '--set', 'version=1.0.0');
    const points: KillPoint[] = [{ type: 'intent', nth: 1 }];
    await expectSameEnds(net, 'rolling-upgrade of four nodes', points, () => upgradeOf(...all));
    expect((await project.status()).map(({ version }) => version)).toEqual(all.map(() => '1.1.0'));
  });

  test('on its way back from a bad release ends rolled back, once', async () => {
    const scenario = {
      runbook: 'rolling-upgrade',
      set: { version: '1.2.0-bad', nodes: 'validator-2' },
      exitCode: 1,
      outcome: 'rolled-back',
      digests: {},
      starts: { 'validator-2': 2 },
    };
    const points = isSoak
      ? killPoints(await undisturbed(scenario.set))
      : ([
          { type: 'rollback.started', nth: 0 },
          // There, and back.
          { type: 'intent', nth: 1 },
          { type: 'done', nth: 1 },
        ] as const);
    expect(points.length).toBeGreaterThanOrEqual(3);
    await expectSameEnds(net, 'rollback', points, () => scenario);
  });

  test('one flipped byte of its journal is found, and nothing goes on with it', async () => {
    const { runId } = await killAtRecord(
      stateDir,
      () => project.start(...runOf('rolling-upgrade', { version: '1.0.0', nodes: 'validator-0' })),
      ({ type }) => type === 'done',
    );
    const file = journalFile(runFolder(stateDir, runId));
    const at = Math.floor((await readFile(file)).length / 2);
    await turnBit(file, at, 1);
    const verified = await project.seatrial('verify', runId);
    expect(verified.exitCode).not.toBe(0);
    expect(verified.stdout).toMatch(/journal\.jsonl:\d+/);
    const before = await project.instances();
    const resumed = await project.seatrial('resume', runId);
    expect(resumed.exitCode).not.toBe(0);
    expect(resumed.stderr).toMatch(/journal/);
    expect(await project.instances()).toEqual(before);
    await turnBit(file, at, 1);
    expect((await project.seatrial('resume', runId)).exitCode).toBe(0);
    expect((await project.seatrial('verify', runId)).exitCode).toBe(0);
  });

  test('is not gone on with by another program, unless that is accepted by name', async () => {
    const other = await temporaryFolder();
    for (const name of ['src', 'systems', 'bin'])
      cpSync(join(repository, name), join(other, name), { recursive: true });
    for (const name of ['node_modules', 'package.json', 'toolchain', 'node', 'grafana']) {
      symlinkSync(join(repository, name), join(other, name));
    }
    mkdirSync(join(other, 'stacks'));
    await appendFile(join(other, 'src', 'engine', 'stages.ts'), '// Another build.\n');
    const { runId } = await killAtRecord(
      stateDir,
      () => project.start(...runOf('rolling-upgrade', { version: '1.1.0', nodes: 'validator-0' })),
      ({ type }) => type === 'done',
    );
    const resume = (...args: string[]) =>
      execa(process.execPath, [join(other, 'bin', 'seatrial.js'), 'resume', runId, ...args], {
        cwd: project.root,
        env: { NO_COLOR: '1' },
        reject: false,
        timeout: 100_000,
      });
    const refused = await resume();
    expect(refused.exitCode).toBe(2);
    const [, accept = ''] = /--accept-code ([0-9a-f]{12})/.exec(refused.stderr) ?? [];
    expect(accept).not.toBe('');
    expect((await resume('--accept-code', 'ffffffffffff')).exitCode).toBe(2);
    const accepted = await resume('--accept-code', accept);
    expect(accepted.exitCode, accepted.stderr).toBe(0);
    const resumed = (await project.newestRun()).find(({ type }) => type === 'run.resumed');
    expect(resumed).toMatchObject({ acceptedCode: true });
    expect(digestsIn(await project.status())['validator-0']).toBe(digests.get('1.1.0'));
  });
});

function runOf(runbook: string, set: Record<string, string>): string[] {
  return ['run', runbook, testnet, ...Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`])];
}

async function undisturbed(set: Record<string, string>): Promise<RunRecord[]> {
  await project.seatrial(...runOf('rolling-upgrade', set));
  return project.newestRun();
}
