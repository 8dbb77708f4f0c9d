import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { posix } from 'node:path';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { systemClock } from '../../core/clock.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { waitFor } from '../../core/wait.ts';
import { dataVolumeName } from '../../topology/container.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { labels } from '../labels.ts';
import type { CallOptions, RestoreOptions, SnapshotManifest, SnapshotOptions } from '../lab.ts';
import { fileOf, paxOf, writeSnapshot, type SnapshotEntry } from '../snapshot-archive.ts';
import { archivePath } from '../snapshot-manifest.ts';
import { verifySnapshot } from '../verify-snapshot.ts';
import { putFiles } from './container-files.ts';
import { engineCall } from './engine-call.ts';
import { withUnstartedContainer } from './helper-container.ts';
import { dataVolume, ownFiles, wipeData, type VolumeFacts } from './wipe-data.ts';

const COPY_TIMEOUT_MS = 3_600_000;
/** The engine measures everything that it has. */
const MEASURE_TIMEOUT_MS = 60_000;

interface StoppedNode {
  docker: Docker;
  testnet: string;
  node: TopologyNode;
  facts: VolumeFacts;
}

/** Where the data of a node will lie that has no container: its volume is made, with its labels, before whoever makes the node needs it. */
export async function placeOf(
  docker: Docker,
  testnet: string,
  node: TopologyNode,
  options: CallOptions,
): Promise<VolumeFacts> {
  const name = dataVolumeName(testnet, node.name);
  const { imageId } = node.release;
  if (imageId === undefined) throw new LabError(`${node.name} cannot be restored: its release has no image`);
  const own = { [labels.testnet]: testnet, [labels.node]: node.name };
  await engineCall(`make the volume ${name}`, options, () => docker.createVolume({ Name: name, Labels: own }));
  return { Image: imageId, Mounts: [{ Type: 'volume', Name: name, Destination: node.dataDir }] };
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

interface DiskUsage {
  Volumes?: { Name: string; UsageData?: { Size: number } | null }[] | null;
}

function isMeasuring(error: unknown): boolean {
  return /disk usage operation is already running/.test(messageOf(error));
}

/** What a node's data volume takes, in bytes, which is 0 where there is none; undefined when the engine does not say. */
export async function dataVolumeSize(
  docker: Docker,
  node: TopologyNode,
  facts: VolumeFacts,
  options: CallOptions,
): Promise<number | undefined> {
  const name = dataVolume(node, facts);
  const { timeoutMs = MEASURE_TIMEOUT_MS, signal } = options;
  const measure = (): Promise<DiskUsage> =>
    engineCall(`measure ${name}`, { timeoutMs, signal }, () => docker.df() as Promise<DiskUsage>);
  // The engine measures for one caller at a time, whoever that is, and refuses the others meanwhile.
  const measured = await waitFor(
    () =>
      measure().then(
        (usage) => ({ usage }),
        (error: unknown) => (isMeasuring(error) ? undefined : { error }),
      ),
    { clock: systemClock, what: `the engine to measure ${name}`, timeoutMs, intervalMs: 200, signal },
  );
  if ('error' in measured) throw measured.error;
  const { Volumes: volumes } = measured.usage;
  if (!volumes) return undefined;
  const volume = volumes.find(({ Name }) => Name === name);
  if (!volume) return 0;
  const size = volume.UsageData?.Size ?? -1;
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
