import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import type { Lab } from '../../../src/lab/lab.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import { contractTopology } from './contract-topology.ts';
import { contractNodes, labContract, type LabUnderTest } from './lab-contract.ts';

const program = fileURLToPath(new URL('../../fixtures/sample-node/sample-node.mjs', import.meta.url));

labContract('process', async (): Promise<LabUnderTest> => {
  const folder = await mkdtemp(join(tmpdir(), 'seatrial-contract-'));
  const stateDir = join(folder, 'contract');
  const ports = await freePorts(Object.values(contractNodes));
  const digest = `sha256:${sha256(readFileSync(program))}`;
  const topology = contractTopology({
    testnet: 'contract',
    lab: 'process',
    release: { version: '1.0.0', kind: 'program', digest, programPath: program },
    stateDir,
    program: [process.execPath, program],
    dataDir: (node) => join(stateDir, 'nodes', node, 'data'),
    listenAddress: '127.0.0.1',
    hostPort: (node) => ports.get(node) ?? 0,
  });
  const lab = createProcessLab({ topology, clock: systemClock });
  return {
    lab: startingUntilReady(lab),
    topology,
    create: (node) => lab.launch(node),
    pause: (node) => lab.signal(node, 'SIGSTOP'),
    digestOf: () => digest,
    dispose: async () => {
      await createDirectDeployer({ lab, clock: systemClock }).destroy(topology);
      await rm(folder, { recursive: true });
    },
  };
});

/**
 * The sample program's lines carry no times, and a file has none for them: with `sinceMs` this lab leaves nothing out, so that lines of
 * the run before are seen too. The suite takes them for readiness; here a start therefore waits for the program itself.
 */
function startingUntilReady(lab: Lab): Lab {
  return {
    kind: lab.kind,
    start: async (node, options) => {
      await lab.start(node, options);
      await waitFor(() => fetch(`${lab.endpoint(node, 'http')}/health`, { signal: AbortSignal.timeout(1000) }), {
        clock: systemClock,
        what: `${node.name} to answer`,
        timeoutMs: 10_000,
        intervalMs: 10,
      });
    },
    stop: (node, options) => lab.stop(node, options),
    signal: (node, signal, options) => lab.signal(node, signal, options),
    exec: (node, command, options) => lab.exec(node, command, options),
    observe: (node, options) => lab.observe(node, options),
    logs: (node, options) => lab.logs(node, options),
    streamLogs: (node, options) => lab.streamLogs(node, options),
    wipe: (node, options) => lab.wipe(node, options),
    dataSizeBytes: (node, options) => lab.dataSizeBytes(node, options),
    snapshot: (node, folder, options) => lab.snapshot(node, folder, options),
    restore: (node, folder, options) => lab.restore(node, folder, options),
    endpoint: (node, port) => lab.endpoint(node, port),
    takeLease: (testnet, owner, options) => lab.takeLease(testnet, owner, options),
    close: () => lab.close(),
  };
}

/** A port for each name; all are held open until the last is known, so that none is given twice. */
async function freePorts(names: readonly string[]): Promise<Map<string, number>> {
  const servers: Server[] = [];
  const ports = new Map<string, number>();
  for (const name of names) {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    ports.set(name, address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
