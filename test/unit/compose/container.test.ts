import { describe, expect, test } from 'vitest';
import { RefusedError } from '../../../src/core/errors.ts';
import { nodeContainer, type ContainerDefinition } from '../../../src/topology/container.ts';
import { monitoringContainers } from '../../../src/topology/monitoring/containers.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { containerTopology, monitoredTopology, monitoringInputs } from '../../helpers/monitored-topology.ts';

function definitionOf(change: Partial<TopologyNode> = {}): ContainerDefinition {
  const topology = containerTopology();
  return nodeContainer(topology, { ...(topology.nodes[0] as TopologyNode), ...change });
}

describe('the container of a node', () => {
  test('is named after testnet and node, and so are its volumes', () => {
    const { name, volumes, aliases } = definitionOf();
    expect(name).toBe('golden-validator-0');
    expect(aliases).toEqual(['validator-0']);
    expect(volumes.map(({ volumeName, containerPath, readOnly }) => [volumeName, containerPath, readOnly])).toEqual([
      ['golden-validator-0-data', '/data', false],
      ['golden-validator-0-secrets', '/secrets', true],
    ]);
  });

  test('says in its labels whose it is and in which generation, its volumes only whose they are', () => {
    const owner = { 'org.seatrial.testnet': 'golden', 'org.seatrial.node': 'validator-0' };
    const { labels, volumes } = definitionOf();
    expect(labels).toEqual({ ...owner, 'org.seatrial.generation': '0000000000000000' });
    for (const volume of volumes) expect(volume.labels).toEqual(owner);
  });

  test('lists ports and files in one order, however they were given', () => {
    const files = { '/config/b': '2', '/config/a': '1' };
    expect(definitionOf().ports.map(({ containerPort }) => containerPort)).toEqual([8080, 26656]);
    expect(definitionOf({ files }).uploads.map(({ path }) => path)).toEqual(['/config/a', '/config/b']);
  });

  test('sets the swap limit with the memory limit and leaves both out without one', () => {
    expect(definitionOf()).toMatchObject({ memoryMb: 256, memorySwapMb: 512, cpus: 0.5 });
    const unlimited = definitionOf({ limits: {} });
    for (const key of ['memoryMb', 'memorySwapMb', 'cpus']) expect(unlimited).not.toHaveProperty(key);
  });

  test('has a health check only where the system knows one', () => {
    expect(definitionOf().healthcheck?.test).toEqual(['CMD', 'node', '--version']);
    const node = containerTopology().nodes[0] as TopologyNode;
    delete node.healthcheck;
    expect(nodeContainer(containerTopology(), node)).not.toHaveProperty('healthcheck');
  });

  test('has no volume for secrets when the node has none, and one for the folder that they share', () => {
    expect(definitionOf({ secretFiles: {} }).volumes.map(({ purpose }) => purpose)).toEqual(['data']);
    const nested = { '/secrets/tls/key.pem': '/a', '/secrets/tls/ca/root.pem': '/b', '/secrets/node.pem': '/c' };
    expect(definitionOf({ secretFiles: nested }).volumes.at(-1)?.containerPath).toBe('/secrets');
  });

  test('never holds what is in a secret file', () => {
    expect(definitionOf().secretFiles).toEqual([
      {
        path: '/secrets/validator.pem',
        hostFile: '/project/.seatrial/golden/secrets/validator-0/validator.pem',
      },
    ]);
    expect(definitionOf().uploads.map(({ path }) => path)).toEqual(['/config/genesis.json']);
  });

  test('is refused for a release without an image and for a testnet without containers', () => {
    const release = { version: '1.0.0', kind: 'program' as const, digest: `sha256:${'a'.repeat(64)}` };
    expect(() => definitionOf({ release })).toThrow(RefusedError);
    const onProcesses: Topology = { ...containerTopology(), lab: 'process' };
    delete onProcesses.network;
    expect(() => nodeContainer(onProcesses, onProcesses.nodes[0] as TopologyNode)).toThrow(
      'testnet golden runs on the process lab, which has no containers',
    );
  });
});

describe('the containers of the monitoring', () => {
  test('are three, published on loopback alone and owned by the testnet but by no node', () => {
    const containers = monitoringContainers(monitoredTopology());
    expect(containers.map(({ name }) => name)).toEqual(['golden-prometheus', 'golden-alertmanager', 'golden-grafana']);
    expect(containers.map(({ ports }) => ports)).toEqual([
      [{ containerPort: 9090, hostPort: 22000, hostIp: '127.0.0.1' }],
      [{ containerPort: 9093, hostPort: 22001, hostIp: '127.0.0.1' }],
      [{ containerPort: 3000, hostPort: 22002, hostIp: '127.0.0.1' }],
    ]);
    for (const { labels, member } of containers) {
      expect(labels).toEqual({ 'org.seatrial.testnet': 'golden', 'org.seatrial.service': member });
    }
  });

  test('leave Grafana out when its image cannot be had, and are none without monitoring', () => {
    const { images } = monitoringInputs();
    const topology = monitoredTopology({ images: { ...images, grafana: undefined } });
    expect(monitoringContainers(topology).map(({ member }) => member)).toEqual(['prometheus', 'alertmanager']);
    expect(monitoringContainers(containerTopology())).toEqual([]);
  });

  test('give Grafana its password as a file in the secrets volume, not in the environment or the command line', () => {
    const grafana = monitoringContainers(monitoredTopology()).find(({ member }) => member === 'grafana');
    expect(grafana?.env['GF_SECURITY_ADMIN_PASSWORD__FILE']).toBe('/run/secrets/grafana/password');
    expect(grafana?.env).not.toHaveProperty('GF_SECURITY_ADMIN_PASSWORD');
    expect(grafana?.secretFiles).toEqual([
      { path: '/run/secrets/grafana/password', hostFile: '/project/.seatrial/golden/secrets/grafana/password' },
    ]);
    expect(grafana?.volumes.at(-1)).toMatchObject({
      volumeName: 'golden-grafana-secrets',
      containerPath: '/run/secrets/grafana',
      readOnly: true,
    });
  });

  test('put the data source with its fixed uid and every dashboard where Grafana looks for them', () => {
    const grafana = monitoringContainers(monitoredTopology()).find(({ member }) => member === 'grafana');
    const files = Object.fromEntries((grafana?.uploads ?? []).map(({ path, content }) => [path, content]));
    expect(files['/etc/grafana/provisioning/datasources/prometheus.yaml']).toContain('uid: Prometheus\n');
    expect(files['/etc/grafana/provisioning/datasources/prometheus.yaml']).toContain('url: http://10.214.0.20:9090\n');
    expect(files['/etc/grafana/provisioning/dashboards/seatrial.yaml']).toContain('path: /etc/grafana/dashboards\n');
    expect(Object.keys(files)).toContain('/etc/grafana/dashboards/fleet.json');
  });
});

test('every duration of a health check is one that the engine reads back as it was written', () => {
  const all = [definitionOf(), ...monitoringContainers(monitoredTopology())];
  const durations = all.flatMap(({ healthcheck }) =>
    healthcheck ? [healthcheck.intervalMs, healthcheck.timeoutMs, healthcheck.startPeriodMs] : [],
  );
  expect(durations).toHaveLength(12);
  for (const durationMs of durations) {
    expect(durationMs % 1000).toBe(0);
    expect(durationMs).toBeLessThan(60_000);
  }
});
