import { expect, test } from 'vitest';
import { containerArguments, labelArguments } from '../../../src/components/container-arguments.ts';
import { nodeContainer } from '../../../src/topology/container.ts';
import { monitoringContainers } from '../../../src/topology/monitoring/containers.ts';
import { containerTopology, monitoredTopology } from '../../helpers/monitored-topology.ts';

const topology = containerTopology();
const [node] = topology.nodes;
if (!node) throw new Error('the sample topology has no node');

test("a node's definition becomes arguments that the provider reads back as they were", () => {
  expect(containerArguments(nodeContainer(topology, node))).toEqual({
    name: 'golden-validator-0',
    image: `sha256:${'b'.repeat(64)}`,
    command: ['--id', 'validator-0', '--price', '$5'],
    envs: ['LOG_LEVEL=info'],
    labels: [
      { label: 'org.seatrial.generation', value: '0000000000000000' },
      { label: 'org.seatrial.node', value: 'validator-0' },
      { label: 'org.seatrial.testnet', value: 'golden' },
    ],
    networkMode: 'bridge',
    ports: [
      { internal: 8080, external: 21000, ip: '127.0.0.1', protocol: 'tcp' },
      { internal: 26656, external: 21001, ip: '127.0.0.1', protocol: 'tcp' },
    ],
    uploads: [{ file: '/config/genesis.json', content: '{"chainId":"golden"}\n' }],
    healthcheck: {
      tests: ['CMD', 'node', '--version'],
      interval: '15s',
      timeout: '3s',
      startPeriod: '10s',
      retries: 3,
    },
    restart: 'unless-stopped',
    stopSignal: 'SIGTERM',
    stopTimeout: 5,
    destroyGraceSeconds: 5,
    memory: 256,
    memorySwap: 512,
    cpus: '0.5',
    logDriver: 'json-file',
    logOpts: { 'max-file': '3', 'max-size': '10m' },
  });
});

test('secret files are not among the arguments, which end in the state', () => {
  const text = JSON.stringify(containerArguments(nodeContainer(topology, node)));
  expect(text).toContain('/config/genesis.json');
  expect(text).not.toContain('validator.pem');
});

test('a grace time that is no whole number of seconds is rounded up, never down', () => {
  const patient = { ...node, stop: { signal: 'SIGINT' as const, graceMs: 2_001 } };
  const { stopSignal, stopTimeout, destroyGraceSeconds } = containerArguments(nodeContainer(topology, patient));
  expect({ stopSignal, stopTimeout, destroyGraceSeconds }).toEqual({
    stopSignal: 'SIGINT',
    stopTimeout: 3,
    destroyGraceSeconds: 3,
  });
});

test('the user of a service is passed on, and the command left to the image where there is none', () => {
  const grafana = monitoringContainers(monitoredTopology()).find(({ member }) => member === 'grafana');
  if (!grafana) throw new Error('no grafana in the sample topology');
  const args = containerArguments(grafana);
  expect(args).toMatchObject({ user: '0', name: 'golden-grafana' });
  expect(args).not.toHaveProperty('command');
  expect(args).not.toHaveProperty('cpus');
});

test('labels stand in the order of their names', () => {
  expect(labelArguments({ b: '2', a: '1' })).toEqual([
    { label: 'a', value: '1' },
    { label: 'b', value: '2' },
  ]);
});
