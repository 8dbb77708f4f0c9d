import { hashOf } from '../core/canonical.ts';
import type { LoadedSpec } from '../spec/load.ts';
import type { SpecNode } from '../spec/nodes.ts';
import type { SystemProfile } from '../spec/profile.ts';
import { bareNode } from './bare-node.ts';
import { claimedDigest } from './claimed.ts';
import type { Wanted } from './desired.ts';
import type { Topology, TopologyNode } from './topology.ts';

export interface AttachedInputs {
  loaded: LoadedSpec;
  profile: SystemProfile;
  nodes: readonly SpecNode[];
  wanted: Wanted;
  stateDir: string;
  loadPerSecond: number;
}

/** The topology of nodes that others started: where they answer, and what they are to say of themselves. Nothing of it can be made. */
export function attachedTopology(inputs: AttachedInputs): Topology {
  const { loaded, profile, nodes, stateDir, loadPerSecond } = inputs;
  const { spec, name } = loaded;
  return {
    testnet: name,
    system: profile.name,
    lab: 'attached',
    quorum: profile.quorum,
    availability: spec.availability,
    gate: spec.gate,
    loadPerSecond,
    nodes: nodes.map((node) => attachedNode(node, inputs)),
    stateDir,
  };
}

function attachedNode(node: SpecNode, { loaded, profile, wanted }: AttachedInputs): TopologyNode {
  const role = profile.roles[node.role];
  const version = wanted.versions[node.name] ?? node.version;
  const given = Object.entries(loaded.spec.attach?.[node.name] ?? {});
  const endpoints = Object.fromEntries(given.map(([port, url]) => [port, url.replace(/\/+$/, '')]));
  return {
    ...bareNode(node.name),
    role: node.role,
    index: node.index,
    votingPower: role?.votingPower ?? 0,
    startOrder: role?.startOrder ?? 0,
    release: { version, kind: 'program', digest: claimedDigest(version) },
    ports: given.map(([port, url]) => {
      const number = Number(new URL(url).port || 80);
      return { name: port, containerPort: number, hostPort: number };
    }),
    endpoints,
    stop: profile.stop,
    generation: hashOf({ endpoints }).slice(0, 16),
  };
}
