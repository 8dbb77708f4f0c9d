import { LabError, messageOf, RefusedError } from '../../core/errors.ts';
import { claimedDigest } from '../../topology/claimed.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import type { CallOptions, Lab, NodeObservation } from '../lab.ts';
import { takeFileLease } from '../lease-file.ts';

/** What a node that is not ours says of itself. */
export interface ForeignAnswer {
  /** False: nothing listens where it is to be. */
  isThere: boolean;
  /** The version that it claims. Absent: it did not say, or does not. */
  version?: string;
  /** False: it was asked for its status and did not tell. */
  toldStatus: boolean;
  /** When its process started, ms since the epoch, where its metrics tell. */
  startedAtMs?: number;
}

export interface AttachedLabOptions {
  topology: Topology;
  /** Asks a node. Rejects where it cannot be told whether it is there, as after a time-out. */
  ask(node: TopologyNode, options: CallOptions): Promise<ForeignAnswer>;
}

/**
 * Nodes that others started, known by their endpoints alone. They are looked at and never touched: everything else is refused, here again
 * though a plan that needs it was refused before. What cannot be read from outside, the arguments of a node, counts as what the testnet file says; its
 * program is the version that it claims, and its start what its metrics tell.
 */
export function createAttachedLab({ topology, ask }: AttachedLabOptions): Lab {
  const refuse =
    (what: string) =>
    (node: Pick<TopologyNode, 'name'>): Promise<never> =>
      Promise.reject(notOurs(what, node.name));
  return {
    kind: 'attached',
    start: refuse('start'),
    stop: refuse('stop'),
    signal: refuse('signal'),
    exec: refuse('run a command beside'),
    wipe: refuse('wipe'),
    dataSizeBytes: () => Promise.resolve(undefined),
    snapshot: refuse('snapshot'),
    restore: refuse('restore'),
    logs: refuse('read the log of'),
    // eslint-disable-next-line require-yield -- there is no line
    async *streamLogs(node) {
      throw notOurs('read the log of', node.name);
    },
    endpoint: endpointOf,
    observe: async (node, options = {}) => observationOf(node, await asked(node, options)),
    takeLease: (testnet, owner, options = {}) =>
      takeFileLease({ ...options, testnet, stateDir: topology.stateDir, owner }),
    close: () => Promise.resolve(),
  };

  async function asked(node: TopologyNode, options: CallOptions): Promise<ForeignAnswer> {
    try {
      return await ask(node, options);
    } catch (cause) {
      throw new LabError(`${node.name} could not be asked: ${messageOf(cause)}`, {
        cause,
        details: { node: node.name },
      });
    }
  }
}

function observationOf(node: TopologyNode, answer: ForeignAnswer): NodeObservation {
  const { name } = node;
  const where = Object.values(node.endpoints ?? {})[0] ?? '';
  if (!answer.isThere) return { node: name, state: 'stopped', detail: `nothing listens at ${where}` };
  // Who answers without a word on itself could be anything.
  if (!answer.toldStatus) return { node: name, state: 'running', detail: `${where} answers, and tells no status` };
  const startedAtMs = answer.startedAtMs ?? 0;
  return {
    node: name,
    state: 'running',
    identity: {
      digest: answer.version === undefined ? node.release.digest : claimedDigest(answer.version),
      command: node.command,
      generation: node.generation,
      startedAtMs,
      instance: answer.startedAtMs === undefined ? 'unseen' : `started:${startedAtMs}`,
      pid: undefined,
    },
  };
}

function endpointOf(node: TopologyNode, port: string): string {
  const url = node.endpoints?.[port];
  if (url === undefined) throw new LabError(`the testnet file names no endpoint for port ${port} of ${node.name}`);
  return url;
}

function notOurs(what: string, node: string): RefusedError {
  return new RefusedError('unsupported', `cannot ${what} ${node}: it is attached, others started it`, {
    details: { node, lab: 'attached' },
  });
}
