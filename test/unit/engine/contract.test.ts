import { cp } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createContractCheck } from '../../../src/gates/contract/contract-check.ts';
import { executeRun } from '../../../src/engine/run.ts';
import { loadEvidence } from '../../../src/journal/evidence.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { journalFile, runFolder } from '../../../src/journal/run-files.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import { crashAndResume, killedAt, resumeRun } from '../../helpers/crash.ts';
import { healthyMetrics } from '../../helpers/gate-world.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../helpers/run-world.ts';
import { forged, verified } from '../../helpers/verified-run.ts';

const nodes = ['node-0', 'node-1'];
const log = Array.from({ length: 5 }, (_, index) => JSON.stringify({ level: 'info', msg: `block ${index}` }));
const before = `# TYPE height gauge\nheight 1\n${healthyMetrics}`;

/** What release 2.0.0 shows where it differs from the one before. */
interface Release {
  /** A number: it answers with that status. Null: not at all. */
  page?: string | number | null;
  log?: string[];
}

const lost: Release = { page: healthyMetrics };

async function contractWorld(release: Release): Promise<RunWorld> {
  const isNew = (version: string | undefined): boolean => version === '2.0.0';
  const world = await runWorld({
    script: (node) => ({ logsAtStart: (isNew(node.release.version) ? release.log : undefined) ?? log }),
  });
  const transport: typeof world.transport = async (request) => {
    const answer = await world.transport(request);
    if (!request.url.endsWith('/metrics')) return answer;
    const port = Number(new URL(request.url).port);
    const name = world.topology.nodes.find(({ ports }) => ports[0]?.hostPort === port)?.name ?? '';
    const { page = before } = isNew(world.lab.world.nodes.get(name)?.definition.release.version) ? release : {};
    if (page === null) throw new Error('ECONNRESET');
    return typeof page === 'number' ? { status: page, text: '' } : { status: 200, text: page };
  };
  const inputs: RunWorld['inputs'] = async (options) => ({ ...(await world.inputs(options)), transport });
  return {
    ...world,
    transport,
    inputs,
    upgrade: async (options) => {
      const result = await world.untilSettled(executeRun(await inputs(options)));
      return { result, records: (await readJournal(result.runDir)).records };
    },
  };
}

/** Upgrades the nodes; the run's journal is sound, whatever it says. */
async function upgraded(release: Release, contract: 'enforce' | 'warn') {
  const world = await contractWorld(release);
  const { result, records } = await world.upgrade({ nodes, contract });
  const { findings } = await verified(result.runDir);
  expect(findings.filter(({ kind }) => kind !== 'note')).toEqual([]);
  return { result, records, touched: world.deeds().filter((deed) => deed.startsWith('launch')) };
}

const notesOf = (records: readonly RunRecord[]): string[] =>
  recordsOf(records, 'note').flatMap(({ text }) => (text.startsWith('contract') ? [text] : []));

describe('a release that breaks the contract', () => {
  test.each([
    ['loses a metric', lost, 'rolled-back', 'node-0: the metric height is gone'],
    ['answers 404', { page: 404 }, 'rolled-back', 'node-0: its metrics page answers with status 404'],
    ['has a malformed page', { page: '<html>' }, 'rolled-back', 'node-0: its metrics page cannot be understood'],
    ['does not answer', { page: null }, 'inconclusive', 'node-0: its metrics page cannot be read: ECONNRESET'],
    // The other line is that of the stop, which in this lab is of the same moment.
    ['logs too little', { log: log.slice(0, 1) }, 'inconclusive', 'node-0: its log has 2 lines since its start'],
  ])('%s: enforced, no other node is touched; with warn it is noted', async (_what, release, outcome, reason) => {
    const enforced = await upgraded(release, 'enforce');
    expect(enforced.result.outcome, enforced.result.reason).toBe(outcome);
    const verdict = outcome === 'rolled-back' ? 'fail' : 'inconclusive';
    expect(recordsOf(enforced.records, 'finding')).toMatchObject([{ finding: 'contract', nodes: ['node-0'], verdict }]);
    expect(recordsOf(enforced.records, 'finding')[0]?.reason).toContain(reason);
    const back = outcome === 'rolled-back' ? ['launch node-0 1.0.0'] : [];
    expect(enforced.touched).toEqual(['launch node-0 2.0.0', ...back]);

    const warned = await upgraded(release, 'warn');
    expect(warned.result.outcome, warned.result.reason).toBe('passed');
    expect(recordsOf(warned.records, 'finding')).toEqual([]);
    expect(notesOf(warned.records)).toHaveLength(2);
    expect(notesOf(warned.records)[0]).toContain(reason);
  });

  test('is found although the orchestrator is killed at any record', { timeout: 120_000 }, async () => {
    const options: UpgradeOptions = { nodes, contract: 'enforce' };
    const { records } = await (await contractWorld(lost)).upgrade(options);
    let kills = 0;
    for (let seq = 0; seq < records.length - 1; seq++) {
      const world = await contractWorld(lost);
      const crashed = await crashAndResume(world, options, { kind: 'record', seq });
      const where = `killed after ${seq}: ${records[seq]?.type}`;
      if (!crashed) continue;
      kills++;
      expect(crashed.result.outcome, `${where}: ${crashed.result.reason}`).toBe('rolled-back');
      expect(crashed.result.reason, where).toContain('the metric height is gone');
      expect(
        world.deeds().filter((deed) => deed.includes('node-1')),
        where,
      ).toEqual([]);
      // The process that was killed is buried after the end, and then still writes what it saw.
      const { findings } = await verified(crashed.result.runDir);
      expect(
        findings.filter(({ kind }) => kind === 'disagrees'),
        where,
      ).toEqual([]);
    }
    console.info(`a broken contract: killed at ${kills} records`);
    expect(kills).toBeGreaterThan(10);
  });
});

test('a release that keeps the contract passes, and nothing is noted', async () => {
  const { result, records } = await upgraded({ page: `${before}# TYPE more gauge\nmore 1\n` }, 'enforce');
  expect(result.outcome, result.reason).toBe('passed');
  expect([...recordsOf(records, 'finding'), ...notesOf(records)]).toEqual([]);
});

test('what a node promised is kept as evidence before it is touched, and read again as it was', async () => {
  const world = await contractWorld({});
  const check = createContractCheck(world);
  const { result, records } = await world.upgrade({ nodes, contract: 'enforce' });
  const [seen, ...others] = recordsOf(records, 'contract.seen');
  expect(others).toEqual([]);
  expect(seen?.nodes).toEqual(nodes);
  expect(seen?.seq).toBeLessThan(recordsOf(records, 'intent')[0]?.seq ?? 0);
  const kept = (await loadEvidence(result.runDir, seen?.evidence ?? '')) as Record<string, unknown>;
  expect(Object.keys(kept)).toEqual(nodes);
  expect(kept['node-0']).toEqual(await world.untilSettled(check.before(world.node('node-0'))));
});

describe('a run of an older program that is gone on with in the middle of a change', () => {
  /** It has kept nothing of what the nodes promised. */
  const older = async (contract: 'enforce' | 'warn') => {
    const world = await contractWorld(lost);
    const inputs = await killedAt(world, { nodes, contract }, { kind: 'type', type: 'done' });
    const runDir = runFolder(world.topology.stateDir, inputs.runId);
    const copy = await forged(runDir, (records) => records.filter(({ type }) => type !== 'contract.seen'));
    await cp(journalFile(copy), journalFile(runDir));
    const resumed = await resumeRun(world, inputs);
    const { findings } = await verified(runDir);
    return { ...resumed, findings };
  };

  test('is not known to keep an enforced contract', async () => {
    const { result, findings } = await older('enforce');
    expect(result.outcome).toBe('inconclusive');
    expect(result.reason).toContain('node-0: nobody looked at it before its change');
    expect(findings.filter(({ kind }) => kind === 'disagrees')).toEqual([]);
    expect(findings.map(({ message }) => message)).toContain('this older run has not kept what node-0 promised before');
  });

  test('goes on where the contract only warns, says so, and looks at the nodes that are still to come', async () => {
    const { result, records } = await older('warn');
    expect(result.outcome, result.reason).toBe('passed');
    expect(notesOf(records)).toEqual([
      'contract: node-0: nobody looked at it before its change',
      'contract broken: node-1: the metric height is gone',
    ]);
  });
});

describe('verify', () => {
  test('finds a promise that was looked at after the change', async () => {
    const { result } = await upgraded({}, 'enforce');
    const copy = await forged(result.runDir, (records) => {
      const seen = records.find(({ type }) => type === 'contract.seen') as RunRecord;
      const rest = records.filter((record) => record !== seen);
      rest.splice(rest.findIndex(({ type }) => type === 'done') + 1, 0, seen);
      return rest;
    });
    const { result: said, findings } = await verified(copy);
    expect(said).toBe('disagrees');
    expect(findings.map(({ message }) => message)).toContain(
      'what node-0 promised before its change was looked at after it',
    );
  });
});
