import type Docker from 'dockerode';
import { systemClock, type Clock } from '../../core/clock.ts';
import { LabError, UsageError } from '../../core/errors.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import type { CallOptions, Lab } from '../lab.ts';
import { streamContainerLog } from './container-log.ts';
import { engineCall } from './engine-call.ts';
import { execInContainer } from './exec-command.ts';
import { createDockerFaults } from './faults/docker-faults.ts';
import { observationOf } from './observation.ts';
import { removeLeftHelpers } from './left-helpers.ts';
import { takeContainerLease } from './lease-container.ts';
import { logLines } from './output-frames.ts';
import { findContainer, hasProcess, ownContainer, type ContainerFacts } from './owned-container.ts';
import { ignoring, sendSignal, stopContainer } from './stop-container.ts';
import { dataVolumeSize, placeOf, restoreVolume, snapshotVolume } from './volume-snapshot.ts';
import { wipeData } from './wipe-data.ts';

/** What stopping a node may take beside its grace, in ms: each step has its own, shorter limit. */
const BEYOND_GRACE_MS = 120_000;

export interface DockerLabOptions {
  topology: Topology;
  docker: Docker;
  /** Default: the system's. */
  clock?: Clock;
}

/**
 * The lab port over one Docker engine. It acts only on containers that carry the testnet's and the node's labels; making and
 * replacing them is Pulumi's work.
 */
export function createDockerLab({ topology, docker, clock = systemClock }: DockerLabOptions): Lab {
  const { testnet } = topology;
  return {
    kind: 'docker',

    async start(node, options = {}) {
      const { container, facts } = await ownContainer(docker, testnet, node.name, options);
      if (facts.State.Paused) {
        await engineCall(`unpause ${node.name}`, options, (abortSignal) => container.unpause({ abortSignal }));
      } else if (!hasProcess(facts)) {
        await ignoring(304, () =>
          engineCall(`start ${node.name}`, options, (abortSignal) => container.start({ abortSignal })),
        );
      }
    },

    async stop(node, options = {}) {
      const own = await ownContainer(docker, testnet, node.name, options);
      await engineCall(
        `stop ${node.name}`,
        { ...options, defaultTimeoutMs: node.stop.graceMs + BEYOND_GRACE_MS },
        (signal) => stopContainer(node, own, { signal }),
      );
    },

    async signal(node, signal, options = {}) {
      const { container } = await ownContainer(docker, testnet, node.name, options);
      if (!(await sendSignal(node.name, container, signal, options))) {
        throw new LabError(`cannot send ${signal} to ${node.name}: it is not running`, {
          details: { node: node.name },
        });
      }
    },

    async exec(node, command, options = {}) {
      const { container } = await ownContainer(docker, testnet, node.name, options);
      return execInContainer(node.name, container, command, options);
    },

    async observe(node, options = {}) {
      return observationOf(testnet, node.name, await findContainer(docker, testnet, node.name, options));
    },

    async logs(node, options = {}) {
      const { container, facts } = await ownContainer(docker, testnet, node.name, options);
      const { tail = 100, sinceMs } = options;
      const log = await engineCall(`read the log of ${node.name}`, options, (abortSignal) =>
        container.logs({
          stdout: true,
          stderr: true,
          timestamps: true,
          tail,
          ...(sinceMs === undefined ? {} : { since: sinceMs / 1000 }),
          abortSignal,
        }),
      );
      return logLines(log, facts.Config.Tty).map((line) => ({ node: node.name, ...line }));
    },

    streamLogs: ({ name }, options = {}) => streamContainerLog({ docker, testnet, member: name, clock }, options),

    async wipe(node, options = {}) {
      const { facts } = await ownContainer(docker, testnet, node.name, options);
      if (facts.State.Running) {
        throw new LabError(`cannot wipe ${node.name} while it runs; stop it first`, { details: { node: node.name } });
      }
      await wipeData(docker, testnet, node, facts, options);
    },

    async dataSizeBytes(node, options = {}) {
      const { facts } = await ownContainer(docker, testnet, node.name, options);
      return dataVolumeSize(docker, node, facts, options);
    },

    async snapshot(node, folder, options) {
      const facts = await stopped(docker, testnet, node, 'copied', options);
      return snapshotVolume({ docker, testnet, node, facts }, folder, options);
    },

    async restore(node, folder, options) {
      const found = await findContainer(docker, testnet, node.name, options);
      const facts =
        found.state === 'absent'
          ? await placeOf(docker, testnet, node, options)
          : await stopped(docker, testnet, node, 'restored', options);
      await restoreVolume({ docker, testnet, node, facts }, folder, options);
    },

    endpoint: (node, port) => endpointOf(node, port),

    faults: createDockerFaults({ docker, topology }),

    async takeLease(name, owner, options = {}) {
      const lease = await takeContainerLease(docker, { ...options, testnet: name, owner, images: imagesOf(topology) });
      try {
        // Whoever holds the testnet clears away what a killed command left in the middle of its work.
        await removeLeftHelpers(docker, name, options);
      } catch (error) {
        await lease.release();
        throw error;
      }
      return lease;
    },

    async close() {
      // The connection is dockerode's; idle sockets do not keep a process alive.
    },
  };
}

async function stopped(
  docker: Docker,
  testnet: string,
  node: TopologyNode,
  verb: string,
  options: CallOptions,
): Promise<ContainerFacts> {
  const { facts } = await ownContainer(docker, testnet, node.name, options);
  if (!facts.State.Running) return facts;
  throw new LabError(`${node.name} cannot be ${verb} while it runs; stop it first`, { details: { node: node.name } });
}

function imagesOf({ nodes }: Topology): string[] {
  return [...new Set(nodes.flatMap(({ release: { imageId } }) => imageId ?? []))];
}

function endpointOf(node: TopologyNode, name: string): string {
  const port = node.ports.find((candidate) => candidate.name === name);
  if (!port) {
    const known = node.ports.map((candidate) => candidate.name).join(', ');
    throw new UsageError(`${node.name} publishes no port "${name}"; it has ${known || 'none'}`);
  }
  return `http://${reachable(node.bindAddress)}:${port.hostPort}`;
}

/** A wildcard is what the engine listens on; from here it is reached over loopback. */
function reachable(bindAddress: string): string {
  if (bindAddress === '0.0.0.0') return '127.0.0.1';
  if (bindAddress === '::') return '[::1]';
  return bindAddress.includes(':') ? `[${bindAddress}]` : bindAddress;
}
