import { join } from 'node:path';
import { hashOf } from '../core/canonical.ts';
import type { LoadedSpec } from '../spec/load.ts';
import type { SpecNode } from '../spec/nodes.ts';
import type { NetworkPlan, NodePlan, RoleProfile, SystemProfile } from '../spec/profile.ts';
import type { Allocation } from './allocation.ts';
import type { Wanted } from './desired.ts';
import { linkAddress, linksOf } from './links.ts';
import { secretsFolder } from './secrets.ts';
import type { ResolvedRelease, Topology, TopologyNode } from './topology.ts';

const defaultLoadPerSecond = 10;

/** Transactions a second that a run offers. */
export function loadOf({ spec }: LoadedSpec): number {
  return spec.load?.perSecond ?? defaultLoadPerSecond;
}

export interface TopologyInputs {
  loaded: LoadedSpec;
  profile: SystemProfile;
  nodes: readonly SpecNode[];
  allocation: Allocation;
  wanted: Wanted;
  releases: Record<string, ResolvedRelease>;
  /** Names of the secret files by node. */
  secretFiles: Record<string, readonly string[]>;
  stateDir: string;
  /** Interpreter of programs on the process lab, as absolute path. */
  nodeProgram: string;
}

/** Resolves everything but monitoring. Pure: the same inputs give the same topology, byte for byte. */
export function buildTopology(inputs: TopologyInputs): Topology {
  const { loaded, profile, allocation, stateDir } = inputs;
  const { spec } = loaded;
  const network: NetworkPlan = {
    testnet: loaded.name,
    nodes: inputs.nodes.map((node) => planNode(node, inputs)),
    publicKeys: allocation.publicKeys,
    ...(allocation.group && { groupKey: allocation.group.publicKey }),
  };
  return {
    testnet: loaded.name,
    system: profile.name,
    lab: spec.lab,
    quorum: profile.quorum,
    availability: spec.availability,
    gate: spec.gate,
    loadPerSecond: loadOf(loaded),
    nodes: network.nodes.map((plan, index) => buildNode(plan, inputs.nodes[index] as SpecNode, network, inputs)),
    ...(spec.lab === 'docker' &&
      allocation.subnet !== undefined && { network: networkOf(loaded.name, allocation.subnet) }),
    stateDir,
  };
}

function networkOf(testnet: string, subnet: string): NonNullable<Topology['network']> {
  return { name: `${testnet}-net`, subnet, gateway: addressIn(subnet, 1) };
}

/** The address with this last octet in a /24. */
export function addressIn(subnet: string, host: number): string {
  return `${subnet.split('.').slice(0, 3).join('.')}.${host}`;
}

function role(profile: SystemProfile, name: string): RoleProfile {
  const found = profile.roles[name];
  if (!found) throw new Error(`role ${name} was not checked against the profile`);
  return found;
}

/** Whether the nodes reach each other through the lab's own links. */
function hasLinks({ loaded: { spec } }: TopologyInputs): boolean {
  return spec.lab === 'process' && spec.links !== 'direct';
}

/** The network as one node sees it: each other node at the address of the link that leads there. */
function seenBy(plan: NodePlan, network: NetworkPlan, inputs: TopologyInputs): NetworkPlan {
  if (!hasLinks(inputs)) return network;
  const seen = (other: NodePlan): NodePlan => ({ ...other, address: linkAddress(plan, other) });
  return { ...network, nodes: network.nodes.map((other) => (other.name === plan.name ? other : seen(other))) };
}

function planNode(node: SpecNode, { loaded, profile, allocation, wanted, stateDir }: TopologyInputs): NodePlan {
  const isContainer = loaded.spec.lab === 'docker';
  const known = role(profile, node.role);
  const home = join(stateDir, 'nodes', node.name);
  const hostPorts = Object.keys(known.ports).map((port) => [port, allocation.ports[`${node.name}/${port}`] ?? 0]);
  return {
    name: node.name,
    role: node.role,
    index: node.index,
    votingPower: known.votingPower,
    dataDir: isContainer ? '/data' : join(home, 'data'),
    configDir: isContainer ? '/config' : join(home, 'config'),
    secretsDir: isContainer ? '/secrets' : join(home, 'secrets'),
    address: isContainer ? addressIn(allocation.subnet ?? '0.0.0.0/24', allocation.hosts[node.name] ?? 0) : '127.0.0.1',
    listenAddress: isContainer ? '0.0.0.0' : '127.0.0.1',
    ports: isContainer ? { ...known.ports } : (Object.fromEntries(hostPorts) as Record<string, number>),
    flags: { ...node.flags, ...wanted.flags?.[node.name] },
  };
}

function buildNode(plan: NodePlan, node: SpecNode, whole: NetworkPlan, inputs: TopologyInputs): TopologyNode {
  const network = seenBy(plan, whole, inputs);
  const { loaded, profile, allocation, wanted, releases, secretFiles, stateDir } = inputs;
  const version = wanted.versions[node.name] ?? node.version;
  const release = releases[version];
  if (!release) throw new Error(`release ${version} was not resolved`);
  const args = profile.command(plan, network);
  const isContainer = loaded.spec.lab === 'docker';
  const [interpreter, ...interpreterArgs] = profile.runtime.command;
  const program = [interpreter === 'node' ? inputs.nodeProgram : interpreter, ...interpreterArgs, release.programPath];
  const files = Object.entries(profile.files?.(plan, network) ?? {}).map(([name, content]) => [
    join(plan.configDir, name),
    content,
  ]);
  const secrets = (secretFiles[node.name] ?? []).map((name) => [
    join(plan.secretsDir, name),
    join(secretsFolder(stateDir, node.name), name),
  ]);
  const resolved = {
    release,
    command: isContainer ? args : [...program.filter((part) => part !== undefined), ...args],
    ...(isContainer && profile.containerHealthcheck && { healthcheck: profile.containerHealthcheck(plan) }),
    env: { ...profile.env?.(plan, network), ...node.env },
    flags: plan.flags,
    files: Object.fromEntries(files) as Record<string, string>,
    limits: {
      ...(node.memoryMb !== undefined && { memoryMb: node.memoryMb }),
      ...(node.cpus !== undefined && { cpus: node.cpus }),
    },
  };
  return {
    name: node.name,
    role: node.role,
    index: node.index,
    votingPower: plan.votingPower,
    startOrder: role(profile, node.role).startOrder,
    ...resolved,
    secretFiles: Object.fromEntries(secrets) as Record<string, string>,
    dataDir: plan.dataDir,
    address: plan.address,
    bindAddress: loaded.spec.bind,
    ports: Object.entries(plan.ports).map(([name, containerPort]) => ({
      name,
      containerPort,
      hostPort: allocation.ports[`${node.name}/${name}`] ?? 0,
    })),
    ...(hasLinks(inputs) && { links: linksOf(node, inputs.nodes) }),
    stop: profile.stop,
    generation: generationOf({ ...resolved, args }),
  };
}

/** What decides whether a node must be replaced. The program's path is left out: its digest says it better. */
function generationOf(
  node: Pick<TopologyNode, 'release' | 'env' | 'flags' | 'files' | 'limits' | 'healthcheck'> & { args: string[] },
): string {
  const { release, args, env, flags, files, limits, healthcheck } = node;
  return hashOf({
    version: release.version,
    digest: release.digest,
    imageId: release.imageId,
    args,
    env,
    flags,
    files,
    limits,
    healthcheck,
  }).slice(0, 16);
}
