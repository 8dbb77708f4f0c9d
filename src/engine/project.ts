import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { requireSoundGates } from '../gates/lint/lint-gates.ts';
import { loadProfile } from '../spec/load-profile.ts';
import { loadTestnetFile, type LoadedSpec } from '../spec/load.ts';
import { expandNodes, type SpecNode } from '../spec/nodes.ts';
import type { SystemProfile } from '../spec/profile.ts';
import { extendAllocation, readAllocation, writeAllocation, type Allocation } from '../topology/allocation.ts';
import { attachedTopology } from '../topology/attached.ts';
import { buildTopology, loadOf } from '../topology/build-topology.ts';
import { readDesired, type DesiredState, type Wanted } from '../topology/desired.ts';
import { monitoringServices } from '../topology/monitoring/services.ts';
import { rememberReleases } from './known-releases.ts';
import { inTurn } from './lock.ts';
import { monitoringOf } from './monitoring.ts';
import { stateFolder } from './state.ts';
import { resolveReleases, type ImageResolver } from '../topology/releases.ts';
import { ensureGroupIdentity, ensureIdentities, hasGroupIdentity, secretFileNames } from '../topology/secrets.ts';
import type { MonitoringTopology, ResolvedRelease, Topology } from '../topology/topology.ts';

/** What a container lab must know of a testnet to resolve its images. */
export interface ContainerNeeds {
  profile: Pick<SystemProfile, 'runtime'>;
  images: NonNullable<LoadedSpec['spec']['images']>;
}

/** What a container lab adds to the resolution of a testnet. */
export interface ContainerSupport extends ImageResolver {
  monitoringImages(signal?: AbortSignal): Promise<MonitoringTopology['images']>;
  /** Subnets in use on the engine, as CIDR, but for the testnet's own network. */
  usedSubnets(testnet: string, signal?: AbortSignal): Promise<string[]>;
}

/** A testnet, read and checked; releases are resolved when a topology is asked for. */
export interface Project {
  root: string;
  name: string;
  stateDir: string;
  loaded: LoadedSpec;
  profile: SystemProfile;
  nodes: SpecNode[];
  desired: DesiredState;
  /**
   * Takes the releases and images that a deployed topology runs as they are, instead of building or looking them up again: a release whose
   * sources have changed since is news for `up`, not for a run on what is there.
   */
  keepReleases(deployed: Topology): void;
  /** Takes exactly these releases, as a run that goes on must. */
  pinReleases(releases: readonly ResolvedRelease[]): void;
  /** The topology in which the nodes run what is wanted. */
  topology(wanted: Wanted, signal?: AbortSignal): Promise<Topology>;
}

/**
 * Opens a testnet: reads its file and profile, and makes what is made once (identities, ports, addresses). Throws SpecError with
 * every problem of the file.
 */
export async function openProject(
  root: string,
  file: string,
  containers: (needs: ContainerNeeds) => Promise<ContainerSupport>,
  nodeProgram: string,
): Promise<Project> {
  const loaded = await loadTestnetFile(file);
  const profile = await loadProfile(root, loaded.spec.system, loaded.document.position(['system']));
  const nodes = expandNodes(loaded, profile);
  const stateDir = stateFolder(root, loaded.name);
  const support =
    loaded.spec.lab === 'docker' ? await containers({ profile, images: loaded.spec.images ?? {} }) : undefined;
  const desired = await readDesired(stateDir, loaded.hash, nodes);
  const resolved = new Map<string, ResolvedRelease>();
  let images: MonitoringTopology['images'] | undefined;

  const topology = async (wanted: Wanted, signal?: AbortSignal): Promise<Topology> => {
    if (loaded.spec.lab === 'attached') {
      const attached = attachedTopology({ loaded, profile, nodes, wanted, stateDir, loadPerSecond: loadOf(loaded) });
      requireSoundGates(profile, attached);
      return attached;
    }
    const versions = nodes.map((node) => wanted.versions[node.name] ?? node.version);
    const missing = versions.filter((version) => !resolved.has(version));
    const store = join(root, '.seatrial', 'releases');
    const fresh = await resolveReleases(missing, { loaded, profile, store, images: support, signal });
    for (const [version, release] of Object.entries(fresh)) resolved.set(version, release);
    await rememberReleases(stateDir, Object.values(fresh));
    const allocation = await allocate({ root, stateDir, loaded, profile, nodes, support, signal });
    const secretFiles = Object.fromEntries(
      await Promise.all(nodes.map(async ({ name }) => [name, await secretFileNames(stateDir, name)] as const)),
    );
    const built = buildTopology({
      loaded,
      profile,
      nodes,
      allocation,
      wanted,
      releases: Object.fromEntries(resolved),
      secretFiles,
      stateDir,
      nodeProgram,
    });
    if (loaded.spec.monitoring === false || !support) {
      requireSoundGates(profile, built);
      return built;
    }
    images ??= await support.monitoringImages(signal);
    const monitoring = await monitoringOf({ topology: built, loaded, profile, allocation, images, signal });
    const monitored = { ...built, monitoring };
    requireSoundGates(profile, monitored);
    return monitored;
  };
  const keepReleases = (deployed: Topology): void => {
    for (const { release } of deployed.nodes) {
      const isThere = release.programPath === undefined || existsSync(release.programPath);
      if (release.version in loaded.spec.releases && isThere) resolved.set(release.version, release);
    }
    images ??= deployed.monitoring?.images;
  };
  const pinReleases = (releases: readonly ResolvedRelease[]): void => {
    for (const release of releases) resolved.set(release.version, release);
  };
  return { root, name: loaded.name, stateDir, loaded, profile, nodes, desired, keepReleases, pinReleases, topology };
}

interface AllocateInputs {
  root: string;
  stateDir: string;
  loaded: LoadedSpec;
  profile: SystemProfile;
  nodes: readonly SpecNode[];
  support: ContainerSupport | undefined;
  signal?: AbortSignal | undefined;
}

/** What is there; what is missing is chosen while no other command on this machine chooses. */
async function allocate(inputs: AllocateInputs): Promise<Allocation> {
  const { stateDir, profile, nodes, signal } = inputs;
  const current = await readAllocation(stateDir);
  const hasIdentities = !profile.identity || nodes.every(({ name }) => current.publicKeys[name] !== undefined);
  const hasGroup = hasGroupIdentity(votersOf(inputs), profile, current);
  if (hasIdentities && hasGroup && isSame(await extended(current, inputs), current)) return current;
  return inTurn('allocation of ports and addresses', () => allocateMissing(inputs), signal);
}

async function allocateMissing(inputs: AllocateInputs): Promise<Allocation> {
  const { stateDir, profile, nodes } = inputs;
  const current = await readAllocation(stateDir);
  const names = nodes.map((node) => node.name);
  const named = await ensureIdentities(stateDir, names, profile, await extended(current, inputs));
  const complete = await ensureGroupIdentity(stateDir, votersOf(inputs), profile, named);
  if (!isSame(complete, current)) await writeAllocation(stateDir, complete);
  return complete;
}

function votersOf({ profile, nodes }: AllocateInputs): string[] {
  return nodes.filter(({ role }) => (profile.roles[role]?.votingPower ?? 0) > 0).map(({ name }) => name);
}

async function extended(
  current: Allocation,
  { root, stateDir, loaded, profile, nodes, support, signal }: AllocateInputs,
): Promise<Allocation> {
  const services = loaded.spec.monitoring === false ? [] : monitoringServices;
  return extendAllocation(current, {
    owner: stateDir,
    ports: [
      ...nodes.flatMap((node) =>
        Object.keys(profile.roles[node.role]?.ports ?? {}).map((port) => `${node.name}/${port}`),
      ),
      ...services.map((service) => `monitoring/${service}`),
    ],
    hosts: support ? [...nodes.map((node) => node.name), ...services] : [],
    bindAddress: loaded.spec.bind,
    others: await otherAllocations(root, loaded.name),
    usedSubnets: support && current.subnet === undefined ? await support.usedSubnets(loaded.name, signal) : [],
  });
}

function isSame(a: Allocation, b: Allocation): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function otherAllocations(root: string, testnet: string): Promise<Allocation[]> {
  const folders = await readdir(join(root, '.seatrial'), { withFileTypes: true }).catch(() => []);
  const others = folders.filter((entry) => entry.isDirectory() && entry.name !== testnet);
  return Promise.all(others.map((entry) => readAllocation(join(root, '.seatrial', entry.name))));
}
