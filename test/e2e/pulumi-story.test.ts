import { execa } from 'execa';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { execInContainer } from '../../src/lab/docker/exec-command.ts';
import { dashboardQueries, resolveQuery, type Dashboard } from '../../src/topology/monitoring/dashboard.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { deeds, DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import { filesBelow } from '../helpers/files-below.ts';
import { hasProgram } from '../helpers/programs.ts';
import { watchContainers } from '../helpers/pulumi/watch-containers.ts';

const docker = await dockerForTests(['node-runtime', 'prometheus', 'alertmanager']);
const validators = ['validator-0', 'validator-1', 'validator-2', 'validator-3'];
const repository = join(import.meta.dirname, '..', '..');

// One story, in the order in which a user types it: each step stands on the one before.
describe.skipIf(docker.missing !== undefined)(
  suiteTitle('plain pulumi on containers', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker, { hasToolchain: false });
      testnet = project.newTestnet();
      await testnet.write(await readFile(join(repository, 'stacks', 'dev.yaml'), 'utf8'));
    }, 900_000);
    afterAll(() => project?.dispose());

    const topology = async (): Promise<Topology> =>
      JSON.parse(await readFile(join(testnet.stateDir, 'topology.json'), 'utf8')) as Topology;
    const setVersion = (version: string): Promise<void> => testnet.edit(/^version: .*$/m, `version: ${version}`);
    const expectNoChanges = async (): Promise<void> => {
      const { exitCode, stdout } = await testnet.pulumi('preview', '--expect-no-changes');
      expect(stdout).toMatch(/\d\d unchanged/);
      expect(exitCode).toBe(0);
    };

    test('setup and env are all that a plain pulumi needs in the project folder', async () => {
      const before = await project.pulumi(['version']);
      expect(before.stderr).toMatch(/run seatrial setup/);
      const { exitCode, stdout } = await testnet.seatrial('setup');
      expect(stdout).toContain('next: eval "$(npx seatrial env)"');
      expect(exitCode).toBe(0);
      const selected = await project.pulumi(['stack', 'select', '--create', testnet.name]);
      expect(selected.stdout + selected.stderr).toContain(`Created stack '${testnet.name}'`);
      expect(selected.exitCode).toBe(0);
    });

    test('up makes four validators, Prometheus and Alertmanager, all of them healthy', async () => {
      const { exitCode, stdout } = await testnet.pulumi('up', '--yes');
      expect(stdout).toMatch(/gate 4 nodes: PASS \(weak profile\)/);
      expect(exitCode).toBe(0);
      expect(deeds(await testnet.newestRun())).toEqual([
        ...validators.map((name) => `create ${name}`),
        `PASS ${validators.join(' ')}`,
      ]);

      const { images } = (await topology()).monitoring ?? {};
      const services = ['prometheus', 'alertmanager', ...(images?.grafana === undefined ? [] : ['grafana'])];
      const containers = (await testnet.objects()).filter(({ kind }) => kind === 'container');
      expect(containers.map(({ name }) => name).sort()).toEqual(
        [...validators, ...services].map((member) => `${testnet.name}-${member}`).sort(),
      );
      for (const member of [...validators, ...services]) {
        const healthy = async (): Promise<true | undefined> => {
          const { Health: health } = (await testnet.container(member).inspect()).State;
          if (health?.Status !== 'healthy') throw new Error(health?.Log.at(-1)?.Output ?? 'not checked yet');
          return true;
        };
        await waitFor(healthy, { clock: systemClock, what: `${member} to be healthy`, timeoutMs: 30_000 });
      }
      const nodes = await testnet.status();
      expect(nodes.map(({ name, healthy, version }) => [name, healthy, version])).toEqual(
        validators.map((name) => [name, true, '1.0.0']),
      );
    });

    test('every query of the fleet dashboard has values on the live testnet', async () => {
      const { monitoring } = await topology();
      const fleet = JSON.parse(monitoring?.dashboards['fleet.json'] ?? '') as Dashboard;
      const queries = dashboardQueries(fleet);
      expect(queries.length).toBeGreaterThan(10);
      for (const { panel, query } of queries) {
        const resolved = resolveQuery(query, { testnet: testnet.name });
        const url = `http://127.0.0.1:${monitoring?.ports.prometheus}/api/v1/query?query=${encodeURIComponent(resolved)}`;
        const values = async (): Promise<true | undefined> => {
          const { data } = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
          const numbers = data.result.map(({ value }) => Number(value[1]));
          if (numbers.length === 0 || !numbers.every(Number.isFinite))
            throw new Error(numbers.join(', ') || 'no series');
          return true;
        };
        await waitFor(values, { clock: systemClock, what: `panel ${panel}: ${resolved}`, timeoutMs: 20_000 });
      }
    });

    test('another version in the file and pulumi up is a rolling upgrade, one node at a time behind gates', async () => {
      const before = await testnet.ids();
      await setVersion('1.1.0');
      const watch = await watchContainers(project.docker, testnet.name);
      const { exitCode, stdout } = await testnet.pulumi('up', '--yes');
      const { replaced, mostDownAtOnce } = await watch.end();
      expect(stdout).toMatch(/4 replaced/);
      expect(exitCode).toBe(0);
      expect(replaced).toEqual(validators.map((name) => `${testnet.name}-${name}`));
      expect(mostDownAtOnce).toBe(1);
      expect(deeds(await testnet.newestRun())).toEqual(
        validators.flatMap((name) => [`replace ${name}`, `PASS ${name}`]),
      );
      const after = await testnet.ids();
      expect(Object.keys(after)).toEqual(validators);
      expect(validators.filter((name) => after[name] === before[name])).toEqual([]);
      expect((await testnet.status()).map(({ version, healthy }) => [version, healthy])).toEqual(
        validators.map(() => ['1.1.0', true]),
      );
      await expectNoChanges();
    });

    test('a bad version stops at the first node and touches no other; put back, that node is repaired', async () => {
      const good = await testnet.ids();
      await setVersion('1.2.0-bad');
      const failed = await testnet.pulumi('up', '--yes', '--skip-preview');
      expect(failed.exitCode).not.toBe(0);
      expect(failed.stdout).toMatch(/error: the gate of validator-0 says FAIL/);
      expect(deeds(await testnet.newestRun())).toEqual(['replace validator-0', 'FAIL validator-0']);
      const { 'validator-0': bad, ...others } = await testnet.ids();
      const { 'validator-0': first, ...untouched } = good;
      expect(bad).not.toBe(first);
      expect(Object.keys(others)).toHaveLength(3);
      expect(others).toEqual(untouched);
      expect((await testnet.pulumi('preview')).stdout).toMatch(/3 to replace\s+23 unchanged/);

      await setVersion('1.1.0');
      const repaired = await testnet.pulumi('up', '--yes', '--skip-preview');
      expect(repaired.stdout).toMatch(/1 replaced/);
      expect(repaired.exitCode).toBe(0);
      expect(deeds(await testnet.newestRun())).toEqual(['replace validator-0', 'PASS validator-0']);
      const mended = await testnet.ids();
      expect(mended).toEqual({ ...good, 'validator-0': mended['validator-0'] });
      await expectNoChanges();
    });

    test('a finished run and one that was rolled back leave nothing for pulumi to do', async () => {
      const nodes = ['--set', 'nodes=validator-3'];
      const finished = await testnet.seatrial(
        'run',
        'rolling-upgrade',
        testnet.name,
        '--set',
        'version=1.0.0',
        ...nodes,
      );
      expect(finished.stdout).toMatch(/ 0 lost, 0 doubled/);
      expect(finished.exitCode).toBe(0);
      await expectNoChanges();
      const between = await testnet.ids();

      const bad = await testnet.seatrial(
        'run',
        'rolling-upgrade',
        testnet.name,
        '--set',
        'version=1.2.0-bad',
        ...nodes,
      );
      expect(bad.exitCode).toBe(1);
      expect(deeds(await testnet.newestRun())).toEqual([
        ...['replace validator-3', 'FAIL validator-3'],
        ...['replace validator-3', 'PASS validator-3'],
      ]);
      await expectNoChanges();
      const { 'validator-3': last, ...others } = await testnet.ids();
      expect({ ...others, 'validator-3': between['validator-3'] }).toEqual(between);
      expect(last).not.toBe(between['validator-3']);
      expect((await testnet.status()).map(({ version }) => version)).toEqual(['1.1.0', '1.1.0', '1.1.0', '1.0.0']);
    });

    test('private keys are in files of their owner alone and nowhere else', async () => {
      const secretsDir = join(testnet.stateDir, 'secrets');
      const files = (await filesBelow(secretsDir)).filter(({ name }) => name.endsWith('.pem'));
      expect(files).toHaveLength(4);
      expect((await filesBelow(secretsDir)).filter(({ mode }) => mode !== 0o600)).toEqual([]);
      // The body of a key: a line of base64 that stands nowhere by accident.
      const bodies = await Promise.all(
        files.map(
          async ({ path }) => (await readFile(path, 'utf8')).split('\n').find((line) => line.length > 40) ?? '',
        ),
      );
      expect(new Set(bodies).size).toBe(4);
      expect(bodies.every((body) => body.length > 40)).toBe(true);

      const inspected = await Promise.all(validators.map((name) => testnet.container(name).inspect()));
      const logs = await testnet.seatrial('logs', testnet.name, '--tail', '1000');
      const exported = await testnet.pulumi('stack', 'export', '--show-secrets');
      const written = (await filesBelow(testnet.stateDir)).filter(({ path }) => !path.startsWith(secretsDir));
      const state = await filesBelow(join(project.root, '.seatrial', 'pulumi-state'));
      const texts: Record<string, string> = {
        'docker inspect': JSON.stringify(inspected),
        logs: logs.stdout,
        'stack export': exported.stdout,
        ...Object.fromEntries(
          await Promise.all(
            [...written, ...state].map(async ({ path }) => [path, await readFile(path, 'latin1')] as const),
          ),
        ),
      };
      expect(texts['docker inspect']).toContain('/secrets/validator.pem');
      expect(texts['logs']).toContain('validator-0');
      expect(texts['stack export']).toContain(`${testnet.name}-validator-0-container`);
      expect(Object.keys(texts).filter((path) => path.endsWith('journal.jsonl')).length).toBeGreaterThan(0);
      expect(Object.keys(texts).filter((path) => path.endsWith('report.html')).length).toBeGreaterThan(0);
      const leaks = Object.entries(texts).filter(([, text]) => bodies.some((body) => text.includes(body)));
      expect(leaks.map(([where]) => where)).toEqual([]);
      for (const name of validators) {
        const command = ['stat', '-c', '%a', '/secrets/validator.pem'];
        const mode = await execInContainer(name, testnet.container(name), command, {});
        expect(mode.stdout.trim()).toBe('600');
      }
    });

    test.skipIf(!hasProgram('promtool') || !hasProgram('amtool'))(
      'what render writes is accepted by the programs that read it (needs promtool and amtool)',
      async () => {
        const { exitCode, stdout } = await testnet.seatrial('render', testnet.name);
        expect(exitCode).toBe(0);
        expect(stdout).toContain(`compose/${testnet.name}/docker-compose.yml`);
        const folder = join(project.root, 'compose', testnet.name);
        const prometheus = join(folder, 'prometheus/etc/prometheus');
        // The configuration names files as they lie in the container.
        const rules = (await readdir(join(prometheus, 'rules'))).map((name) => join(prometheus, 'rules', name));
        expect(rules.length).toBeGreaterThan(0);
        await execa('promtool', ['check', 'rules', ...rules]);
        await execa('promtool', ['check', 'config', '--syntax-only', join(prometheus, 'prometheus.yml')]);
        const alertmanager = join(folder, 'alertmanager/etc/alertmanager/alertmanager.yml');
        expect((await execa('amtool', ['check-config', alertmanager])).stdout).toContain('SUCCESS');
        const compose = await execa('docker', ['compose', 'version'], { reject: false });
        if (compose.exitCode === 0) await execa('docker', ['compose', 'config', '--quiet'], { cwd: folder });
      },
    );

    test('destroy leaves nothing', async () => {
      expect((await testnet.objects()).length).toBeGreaterThan(15);
      const { exitCode, stdout } = await testnet.pulumi('destroy', '--yes');
      expect(stdout).toMatch(/\d\d deleted/);
      expect(exitCode).toBe(0);
      expect(await testnet.objects()).toEqual([]);
      const filters = { name: [testnet.name] };
      expect(await project.docker.listContainers({ all: true, filters })).toEqual([]);
      expect(await project.docker.listNetworks({ filters })).toEqual([]);
      expect((await project.docker.listVolumes({ filters })).Volumes).toEqual([]);
    });
  },
);
