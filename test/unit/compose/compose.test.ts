import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { writeFileAtomic } from '../../../src/core/files.ts';
import { renderCompose } from '../../../src/topology/compose.ts';
import { containerTopology, monitoredTopology } from '../../helpers/monitored-topology.ts';
import { hasProgram } from '../../helpers/programs.ts';

interface ComposeYaml {
  services: Record<string, { volumes: { type: string; source: string; target: string; read_only?: boolean }[] }>;
}

const golden = join(import.meta.dirname, '../../fixtures/golden');
const files = renderCompose(monitoredTopology());
const canCompose = await hasCompose();

test('the rendered tree is exactly these files', () => {
  expect(Object.keys(files).sort()).toEqual([
    'alertmanager/etc/alertmanager/alertmanager.yml',
    'docker-compose.yml',
    'grafana/etc/grafana/dashboards/fleet.json',
    'grafana/etc/grafana/provisioning/dashboards/seatrial.yaml',
    'grafana/etc/grafana/provisioning/datasources/prometheus.yaml',
    'prometheus/etc/prometheus/prometheus.yml',
    'prometheus/etc/prometheus/rules/seatrial.rules.yml',
    'prometheus/etc/prometheus/rules/system-sample.rules.yml',
    'prometheus/etc/prometheus/targets/nodes.json',
    'validator-0/config/genesis.json',
    'validator-1/config/genesis.json',
  ]);
});

test.each([
  ['docker-compose.yml', 'compose-docker-compose.yml'],
  ['prometheus/etc/prometheus/prometheus.yml', 'compose-prometheus.yml'],
  ['prometheus/etc/prometheus/rules/seatrial.rules.yml', 'compose-seatrial.rules.yml'],
  ['prometheus/etc/prometheus/targets/nodes.json', 'compose-targets.json'],
  ['alertmanager/etc/alertmanager/alertmanager.yml', 'compose-alertmanager.yml'],
  ['grafana/etc/grafana/provisioning/datasources/prometheus.yaml', 'compose-datasource.yaml'],
])('%s is rendered as the golden %s', async (path, name) => {
  await expect(files[path]).toMatchFileSnapshot(join(golden, name));
});

describe('the compose file', () => {
  const services = (parse(files['docker-compose.yml'] ?? '') as ComposeYaml).services;

  test('mounts secrets read-only from where they are and holds none', () => {
    const secret = services['validator-0']?.volumes.find(({ target }) => target === '/secrets/validator.pem');
    expect(secret).toEqual({
      type: 'bind',
      source: '../../.seatrial/golden/secrets/validator-0/validator.pem',
      target: '/secrets/validator.pem',
      read_only: true,
    });
    expect(Object.keys(files).filter((path) => /secret|password|\.pem/.test(path))).toEqual([]);
  });

  test('mounts the targets with the folder that they are in, so that a renamed file is seen', () => {
    const binds = services['prometheus']?.volumes.filter(({ type }) => type === 'bind');
    expect(binds).toEqual([
      { type: 'bind', source: './prometheus/etc/prometheus', target: '/etc/prometheus', read_only: true },
    ]);
  });

  test('mounts only what it brings along or what lies in the state folder', () => {
    const sources = Object.values(services).flatMap(({ volumes }) =>
      volumes.filter(({ type }) => type === 'bind').map(({ source }) => source),
    );
    expect(sources.length).toBeGreaterThan(6);
    for (const source of sources) {
      const isRendered = Object.keys(files).some((path) => `./${path}`.startsWith(`${source}/`));
      expect(isRendered || source.startsWith('../../.seatrial/golden/secrets/'), source).toBe(true);
    }
  });

  test('keeps a dollar sign that compose would take for a variable', () => {
    expect(files['docker-compose.yml']).toContain('$$5');
  });

  test('finds the secrets from another folder when told where the state is', () => {
    const elsewhere = renderCompose(monitoredTopology(), { stateDir: '/srv/state' })['docker-compose.yml'];
    expect(elsewhere).toContain('source: /srv/state/secrets/grafana/password');
  });

  test('has only the nodes when the testnet has no monitoring', () => {
    const plain = parse(renderCompose(containerTopology())['docker-compose.yml'] ?? '') as ComposeYaml;
    expect(Object.keys(plain.services)).toEqual(['validator-0', 'validator-1']);
  });
});

describe('the rendered files', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seatrial-compose-'));
    for (const [path, content] of Object.entries(files)) await writeFileAtomic(join(folder, path), content);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.skipIf(!hasProgram('promtool'))('are accepted by promtool check config (needs promtool)', async () => {
    const config = join(folder, 'prometheus/etc/prometheus/prometheus.yml');
    const { stdout } = await execa('promtool', ['check', 'config', config]);
    expect(stdout).toContain('2 rule files found');
    expect(stdout).toContain('SUCCESS');
  });

  test.skipIf(!hasProgram('amtool'))('are accepted by amtool check-config (needs amtool)', async () => {
    const { stdout } = await execa('amtool', [
      'check-config',
      join(folder, 'alertmanager/etc/alertmanager/alertmanager.yml'),
    ]);
    expect(stdout).toContain('SUCCESS');
  });

  test.skipIf(!canCompose)('are accepted by compose (needs the docker compose plugin)', async () => {
    const { stdout } = await execa('docker', ['compose', 'config', '--format', 'json'], { cwd: folder });
    expect(Object.keys((JSON.parse(stdout) as ComposeYaml).services)).toHaveLength(5);
  });
});

async function hasCompose(): Promise<boolean> {
  const result = await execa('docker', ['compose', 'version'], { reject: false });
  return !result.failed && result.stdout.includes('Compose');
}
