import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageOf } from '../../src/core/errors.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import {
  expectSameEnds,
  isSoak,
  killPoints,
  leftInState,
  type KillableNet,
  type KillPoint,
  type KilledScenario,
} from '../helpers/kill-and-resume.ts';

const docker = await dockerForTests(['node-runtime']);
const timeout = isSoak ? 5 * 3_600_000 : 400_000;

// One network for all of them; each leaves it whole for the next.
describe.skipIf(docker.missing !== undefined)(
  suiteTitle('a run on containers whose process is killed', docker),
  { timeout },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;
    let net: KillableNet;
    /** What an upgrade of one node writes that nobody disturbs. */
    let upgraded: RunRecord[] = [];
    let endCount = (): void => undefined;
    const digests = new Map<string, string>();

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      testnet = project.newTestnet();
      await testnet.upReference(
        [{ version: '1.0.0' }, { version: '1.1.0' }, { version: '2', fault: 'never-commits' }],
        'nodes: { validator: 4 }',
        'gate: smoke',
        'load: { perSecond: 20 }',
      );
      digests.set('1.0.0', (await testnet.status())[0]?.digest ?? '');
      const first = await undisturbed('1.1.0', 'validator-3');
      if (first.exitCode !== 0) throw new Error(`run ended with ${first.exitCode}: ${first.stdout}`);
      digests.set('1.1.0', (await testnet.status())[3]?.digest ?? '');
      expect(new Set(digests.values()).size).toBe(2);
      expect(await leftovers()).toEqual([]);
      upgraded = await testnet.newestRun();
      const started = await countStarts();
      net = {
        testnet: testnet.name,
        stateDir: testnet.stateDir,
        start: (...args) => project.start(args),
        seatrial: (...args) => testnet.seatrial(...args),
        status: () => testnet.status(),
        starts: async () => started(),
        leftovers,
      };
    }, 900_000);
    afterAll(() => {
      endCount();
      return project?.dispose();
    });

    /** Follows the engine's own record of starts; it can be asked for the last few alone. */
    async function countStarts(): Promise<() => Record<string, number>> {
      const labels = [`org.seatrial.testnet=${testnet.name}`, 'org.seatrial.node'];
      const filters = { type: ['container'], event: ['start'], label: labels };
      const stream = await project.docker.getEvents({ filters: JSON.stringify(filters) });
      const counts: Record<string, number> = {};
      createInterface({ input: stream }).on('line', (line) => {
        const { Actor: actor } = JSON.parse(line) as { Actor: { Attributes: Record<string, string> } };
        const node = actor.Attributes['org.seatrial.node'] ?? '';
        counts[node] = (counts[node] ?? 0) + 1;
      });
      endCount = () => void (stream as unknown as Readable).destroy();
      return () => ({ ...counts });
    }

    async function leftovers(): Promise<string[]> {
      const left = await leftInState(testnet.stateDir, await readdir(testnet.stateDir, { recursive: true }));
      const objects = await testnet.objects();
      const containers = objects.filter(({ kind }) => kind === 'container').map(({ name }) => name);
      const nodes = (await testnet.status()).map(({ name }) => `${testnet.name}-${name}`);
      left.push(...containers.filter((name) => !nodes.includes(name)).map((name) => `container ${name}`));
      const locks = await readdir(join(project.root, '.seatrial', 'pulumi-state', '.pulumi', 'locks'), {
        recursive: true,
        withFileTypes: true,
      });
      left.push(...locks.filter((entry) => entry.isFile()).map(({ name }) => `lock ${name}`));
      const exported = await testnet.pulumi('stack', 'export');
      const { deployment } = JSON.parse(exported.stdout) as {
        deployment: { pending_operations?: unknown[]; resources: unknown[] };
      };
      expect(deployment.resources.length).toBeGreaterThan(10);
      left.push(...(deployment.pending_operations ?? []).map((operation) => `pending ${JSON.stringify(operation)}`));
      const preview = await testnet.pulumi('preview', '--expect-no-changes');
      if (preview.exitCode !== 0) left.push(`a change: ${preview.stdout}`);
      await project.processesEnded().catch((error: unknown) => left.push(messageOf(error)));
      return left;
    }

    async function upgradeOf(...nodes: string[]): Promise<KilledScenario> {
      const status = await testnet.status();
      const version = status.find(({ name }) => name === nodes[0])?.version === '1.0.0' ? '1.1.0' : '1.0.0';
      return {
        runbook: 'rolling-upgrade',
        set: { version, nodes: nodes.join(',') },
        exitCode: 0,
        outcome: 'passed',
        digests: Object.fromEntries(nodes.map((node) => [node, digests.get(version) ?? ''])),
        starts: Object.fromEntries(nodes.map((node) => [node, 1])),
      };
    }

    const undisturbed = (version: string, nodes: string) =>
      testnet.seatrial(
        'run',
        'rolling-upgrade',
        testnet.name,
        '--set',
        `version=${version}`,
        '--set',
        `nodes=${nodes}`,
      );

    // First, since it wants more of the processor than the others, and other files have such a test further on.
    test('in a canary of threshold signatures ends it as it would have ended, through the engine', async () => {
      const set = {
        ...{ ttl: '60s', blocks: '5', switches: '2', 'switch-for': '1s', rollout: 'no' },
        'prove-within': '30s',
      };
      const before = await testnet.ids();
      const parameters = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
      const { exitCode, stdout } = await testnet.seatrial('run', 'tss-canary', testnet.name, ...parameters);
      expect(stdout).toMatch(/activation on validator-0: PASS: tss shows: validator-0 in \d+ of \d+ blocks/);
      expect(exitCode, stdout).toBe(0);
      const canaried = await testnet.newestRun();
      const effects = canaried.flatMap((record) => (record.type === 'effect.done' ? [record.effect] : []));
      expect(effects[0]).toBe('switch');
      expect(effects.at(-1)).toBe('clear');
      const scenario = { runbook: 'tss-canary', set, exitCode: 0, outcome: 'passed', digests: {}, starts: {} };
      await expectSameEnds(net, 'tss-canary', killPoints(canaried, ['effect.done', 'finding']), () => scenario);
      expect(Object.keys(before)).toHaveLength(4);
      expect(await testnet.ids()).toEqual(before);
    });

    test('at a record of each main kind of an upgrade goes on to the same end, and replaces no container twice', async () => {
      const points = killPoints(upgraded, [
        ...(['lease.taken', 'gate.started', 'gate.verdict', 'step.done'] as const),
        ...(['intent', 'done'] as const),
      ]);
      expect(points.length).toBeGreaterThanOrEqual(6);
      await expectSameEnds(net, 'rolling-upgrade', points, () => upgradeOf('validator-3'));
    });

    test('in the middle of an upgrade of two nodes reaches the new release on both', async () => {
      // Both from the same release.
      const { version } = (await testnet.status())[0] ?? {};
      expect((await undisturbed(version ?? '', 'validator-2,validator-3')).exitCode).toBe(0);
      await expectSameEnds(net, 'rolling-upgrade of two nodes', [{ type: 'done', nth: 0 }], () =>
        upgradeOf('validator-2', 'validator-3'),
      );
    });

    test('on its way back from a bad release ends rolled back, once', async () => {
      const [version, node] = ['2-never-commits', 'validator-1'];
      if (isSoak) await undisturbed(version, node);
      const points: KillPoint[] = isSoak
        ? killPoints(await testnet.newestRun())
        : [{ type: 'rollback.started', nth: 0 }];
      await expectSameEnds(net, 'rollback', points, () => ({
        runbook: 'rolling-upgrade',
        set: { version, nodes: node },
        exitCode: 1,
        outcome: 'rolled-back',
        digests: {},
        starts: { [node]: 2 },
      }));
    });
  },
);
