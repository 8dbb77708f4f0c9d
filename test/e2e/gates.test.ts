import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { GateProof } from '../../src/gates/prove/proof.ts';
import type { ReplayResult } from '../../src/gates/replay/replay-gate.ts';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const docker = await dockerForTests(['node-runtime', 'prometheus', 'alertmanager']);

/** The reference chain with a check of every source that gates know. */
const guarded = (more: string) => `import reference from '../reference/profile.ts';
import type { SystemProfile } from '../../src/index.ts';
const requests = 'refchain_http_requests_total';
const profile: SystemProfile = {
  ...reference,
  name: 'guarded',
  logErrors: { matches: '"level":"(error|fatal)"', maxPerWindow: 3 },
  checks: [
    ...reference.checks.filter(({ name }) => name === 'http-errors' || name === 'mempool'),
    { name: 'stored-errors', source: 'prometheus', condition: { kind: 'ratio', max: 0.1,
      bad: { metric: requests, labels: { code: { matches: '5..' } } }, total: { metric: requests } } },
    { name: 'height', source: 'json', condition: { kind: 'json', port: 'http', path: '/status', pointer: '/height', min: 1 } },
    { name: 'alerts', source: 'alerts', condition: { kind: 'alerts', names: ['NodeDown'], severities: ['critical'] } },
    ${more}
  ],
};
export default profile;
`;

describe.skipIf(docker.missing !== undefined)(
  suiteTitle('the gates of a monitored testnet in containers', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;
    let upAtMs = 0;

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      await write('');
      testnet = project.newTestnet();
      const releases = await buildReleases(join(project.root, 'releases'), [{ version: '1.0.0' }]);
      await testnet.write(
        `system: guarded\nlab: docker\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: quick\nmonitoring: true\n`,
      );
      const { exitCode, stdout, stderr } = await testnet.seatrial('up', testnet.file);
      if (exitCode !== 0) throw new Error(`up ended with ${exitCode}: ${stdout}${stderr}`);
      upAtMs = systemClock.wallMs();
    }, 900_000);
    afterAll(() => project?.dispose());

    test('every check turns in each of its bad worlds, and no container is touched', async () => {
      const before = await testnet.ids();
      const { exitCode, stdout, stderr } = await testnet.seatrial('gates', 'prove', testnet.name, '--json');
      const proof = JSON.parse(stdout) as GateProof;
      const open = proof.checks.filter(({ isProven }) => !isProven);
      expect([proof.reason, open]).toEqual([expect.stringMatching(/^\d+ checks turned in each/), []]);
      expect([proof.verdict, exitCode]).toEqual(['proven', 0]);
      expect(stderr).toContain('bad worlds');
      const worldsOf = (name: string): string[] =>
        proof.checks.find(({ check }) => check === name)?.worlds.map(({ world }) => world) ?? [];
      expect(worldsOf('stored-errors')).toEqual([
        'error-burst/stored-errors',
        'metrics-lost/stored-errors',
        'not-a-number',
        'scrape-failed',
        'not-scraped',
        'prometheus-gone',
        'prometheus-empty',
        'samples-stale',
      ]);
      expect(worldsOf('mempool')).toContain('value-above/mempool');
      expect(worldsOf('height')).toEqual(['value-below/height', 'answer-lost/height']);
      expect(worldsOf('alerts')).toEqual([
        'alert-firing(NodeDown)/alerts',
        'alert-firing(severity=critical)/alerts',
        'prometheus-gone',
        'watchdog-silent',
        'rules-stale',
        'rules-gone',
      ]);
      expect(worldsOf('log-errors')).toEqual(['log-errors', 'logs-gone']);
      expect(worldsOf('out-of-memory')).toEqual(['out-of-memory', 'lab-silent']);
      expect(await testnet.ids()).toEqual(before);
    });

    test('the linter finds nothing wrong with it', async () => {
      const { exitCode, stdout } = await testnet.seatrial('gates', 'lint', testnet.name, '--json');
      const { findings, errors } = JSON.parse(stdout) as { findings: { level: string }[]; errors: number };
      expect([exitCode, errors, findings.filter(({ level }) => level === 'error')]).toEqual([0, 0, []]);
    });

    test('a check on a mistyped metric is found by the linter and is not proven', async () => {
      await write(
        `{ name: 'typo', source: 'prometheus', condition: { kind: 'value', metric: { metric: 'refchain_mempol_transactions' }, max: 5 } },`,
      );
      const lint = await testnet.seatrial('gates', 'lint', testnet.name);
      expect(lint.exitCode).toBe(1);
      expect(lint.stdout).toContain(
        'error: check typo: no node exposes refchain_mempol_transactions; did you mean refchain_mempool_transactions?',
      );
      const prove = await testnet.seatrial('gates', 'prove', testnet.name);
      expect(prove.exitCode).toBe(1);
      expect(prove.stdout).toMatch(/typo +NOT PROVEN .*it never gave a known sample: empty/);
      await write('');
    });

    test('the time since it came up passes a gate in retrospect', async () => {
      // The window of the gate and its offset must lie behind.
      await systemClock.sleep(Math.max(0, upAtMs + 25_000 - systemClock.wallMs()));
      const from = new Date(upAtMs + 3_000).toISOString();
      const { exitCode, stdout } = await testnet.seatrial(
        ...['gates', 'replay', testnet.name, '--from', from, '--to', 'now', '--json'],
      );
      const { verdict, leftOut } = JSON.parse(stdout) as ReplayResult;
      expect([verdict.reason, verdict.kind, exitCode]).toEqual([expect.stringContaining('stayed good'), 'PASS', 0]);
      expect(verdict.checks.map(({ check }) => check)).toEqual(
        expect.arrayContaining(['mempool', 'stored-errors', 'alerts']),
      );
      expect(leftOut.map(({ name }) => name)).toContain('identity');
    });

    async function write(more: string): Promise<void> {
      const folder = join(project.root, 'systems', 'guarded');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'profile.ts'), guarded(more));
    }
  },
);
