import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { posix } from 'node:path';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { systemClock } from '../../core/clock.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { labels } from '../labels.ts';
import type { CallOptions, RestoreOptions, SnapshotManifest, SnapshotOptions } from '../lab.ts';
import { fileOf, paxOf, writeSnapshot, type SnapshotEntry } from '../snapshot-archive.ts';
import { archivePath } from '../snapshot-manifest.ts';
import { verifySnapshot } from '../verify-snapshot.ts';
import { putFiles } from './container-files.ts';
import { engineCall } from './engine-call.ts';
import { withUnstartedContainer } from './helper-container.ts';
import type { ContainerFacts } from './owned-container.ts';
import { dataVolume, ownFiles, wipeData } from './wipe-data.ts';

const COPY_TIMEOUT_MS = 3_600_000;
/** The engine measures everything that it has. */
const MEASURE_TIMEOUT_MS = 60_000;

interface StoppedNode {
  docker: Docker;
  testnet: string;
  node: TopologyNode;
  facts: ContainerFacts;
}

/** Copies the data volume of a stopped node, as the engine's archive of it shows owners, modes and links. */
export async function snapshotVolume(
  stopped: StoppedNode,
  folder: string,
  options: SnapshotOptions,
): Promise<SnapshotManifest> {
  const { testnet, node } = stopped;
  return withVolume(stopped, 'snapshot', options, (container) =>
    engineCall(`copy the data of ${node.name}`, { defaultTimeoutMs: COPY_TIMEOUT_MS, ...options }, async (signal) => {
      const archive = await container.getArchive({ path: node.dataDir, abortSignal: signal });
      const about = { testnet, node, createdAt: new Date(systemClock.wallMs()).toISOString() };
      return writeSnapshot(folder, about, volumeEntries(archive, node), { ...options, signal });
    }),
  );
}

/** Empties the data volume of a stopped node and fills it from a snapshot, which is verified before. */
export async function restoreVolume(stopped: StoppedNode, folder: string, options: RestoreOptions): Promise<void> {
  const { docker, testnet, node, facts } = stopped;
  dataVolume(node, facts);
  const { files } = await verifySnapshot(folder, { testnet, node: node.name }, options);
  await wipeData(docker, testnet, node, facts, options, ownFiles(node));
  await withVolume(stopped, 'restore', options, async (container) => {
    await engineCall(
      `put the data of ${node.name} back`,
      { defaultTimeoutMs: COPY_TIMEOUT_MS, ...options },
      (abortSignal) => container.putArchive(createReadStream(archivePath(folder)), { path: node.dataDir, abortSignal }),
    );
    // The engine leaves the folder itself as it is when it unpacks into it.
    const [root] = files;
    if (root?.path !== '.') return;
    const { mode, uid, gid } = root;
    const own = { name: `${posix.basename(node.dataDir)}/`, mode, uid, gid };
    await putFiles(container, posix.dirname(node.dataDir), [own], options);
  });
}

/** What a node's data volume takes, in bytes; undefined when the engine does not say. */
export async function dataVolumeSize(
  docker: Docker,
  node: TopologyNode,
  facts: ContainerFacts,
  options: CallOptions,
): Promise<number | undefined> {
  const name = dataVolume(node, facts);
  const usage = await engineCall(
    `measure ${name}`,
    { defaultTimeoutMs: MEASURE_TIMEOUT_MS, ...options },
    () => docker.df() as Promise<{ Volumes?: { Name: string; UsageData?: { Size: number } | null }[] | null }>,
  );
  const size = usage.Volumes?.find((volume) => volume.Name === name)?.UsageData?.Size ?? -1;
  return size < 0 ? undefined : size;
}

async function withVolume<T>(
  { docker, testnet, node, facts }: StoppedNode,
  purpose: string,
  options: CallOptions,
  work: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  const volume = { name: dataVolume(node, facts), mountPath: node.dataDir, noCopy: true };
  const own = { [labels.testnet]: testnet, [labels.node]: node.name };
  return withUnstartedContainer(docker, { purpose, image: facts.Image, volume, labels: own }, options, work);
}

/** The engine names everything by the folder's own name. */
async function* volumeEntries(archive: NodeJS.ReadableStream, node: TopologyNode): AsyncGenerator<SnapshotEntry> {
  const leftOut = new Set(ownFiles(node));
  const prefix = `${posix.basename(node.dataDir)}/`;
  const relative = (path: string): string => (`${path}/` === prefix ? '.' : path.slice(prefix.length));
  const extract = tar.extract();
  // A failure reaches the loop through `extract`.
  pipeline(archive, extract, () => undefined);
  for await (const entry of extract) {
    const { type } = entry.header;
    if (type === 'fifo') {
      entry.resume();
      continue;
    }
    const file = fileOf(entry.header);
    const path = relative(file.path);
    const target = file.type === 'link' ? relative(file.target ?? '') : file.target;
    if (leftOut.has(path) || (file.type === 'link' && leftOut.has(target ?? ''))) {
      entry.resume();
      continue;
    }
    const attributes = Object.entries(paxOf(entry.header)).filter(([name]) => name.startsWith('SCHILY.xattr.'));
    yield {
      ...file,
      path,
      ...(target !== undefined && { target }),
      ...(attributes.length > 0 && { pax: Object.fromEntries(attributes) }),
      ...(file.type === 'file' && { content: entry as AsyncIterable<Uint8Array> }),
    };
    if (file.type !== 'file') entry.resume();
  }
}
