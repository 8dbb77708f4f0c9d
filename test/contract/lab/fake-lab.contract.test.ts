import { systemClock } from '../../../src/core/clock.ts';
import { createFakeLab } from '../../../src/lab/fake/fake-lab.ts';
import { contractTopology } from './contract-topology.ts';
import { contractNodes, labContract, LINES_AT_START, type LabUnderTest } from './lab-contract.ts';

labContract('fake', async (): Promise<LabUnderTest> => {
  const digest = `sha256:${'5'.repeat(64)}`;
  const topology = contractTopology({
    testnet: 'contract',
    lab: 'process',
    release: { version: '1.0.0', kind: 'program', digest, programPath: '/releases/sample.mjs' },
    stateDir: '',
    program: ['node', '/releases/sample.mjs'],
    dataDir: (node) => `/data/${node}`,
    listenAddress: '127.0.0.1',
    hostPort: () => 4600,
  });
  const lab = createFakeLab({
    topology,
    clock: systemClock,
    script: (node) => ({
      launchTakesMs: 5,
      ignoresStop: node.name === contractNodes.stubborn,
      logsAtStart: [...Array.from({ length: LINES_AT_START }, (_unused, index) => `line ${index + 1}`), 'ready'],
    }),
  });
  const { world } = lab;
  return {
    lab,
    topology,
    create: (node) => lab.launch(node),
    createForeign: async (node) => void world.foreign.add(node.name),
    foreignIsUntouched: async (node) => !world.events.some((event) => event.node === node.name),
    pause: async (node) => world.setPaused(node.name, true),
    digestOf: () => digest,
    canExec: false,
    canServe: false,
    dispose: async () => undefined,
  };
});
