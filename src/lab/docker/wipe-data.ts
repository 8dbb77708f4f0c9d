import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type Docker from 'dockerode';
import { LabError } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { containerName } from '../../topology/container.ts';
import { labels } from '../labels.ts';
import type { CallOptions } from '../lab.ts';
import { engineCall } from './engine-call.ts';
import { withHelper } from './helper-container.ts';

/** What of a container tells where its data is. */
export interface VolumeFacts {
  Image: string;
  Mounts: { Type?: string | undefined; Name?: string | undefined; Destination: string }[];
}

const MOUNT = '/seatrial-wipe';

/** Removes every entry of $1 but those named by the arguments after it, and the folders they are in. Only sh and rm, which nearly every image has. */
const SCRIPT = `clear() (
  dir=$1 below=$2; shift 2
  for entry in "$dir/$below"* "$dir/$below".[!.]* "$dir/$below"..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    name=\${entry#"$dir"/}
    for kept in "$@"; do
      [ "$name" = "$kept" ] && continue 2
      case $kept in "$name"/*) clear "$dir" "$name/" "$@" || exit 1; continue 2 ;; esac
    done
    rm -rf -- "$entry" || exit 1
  done
)
dir=$1; shift
clear "$dir" '' "$@"`;

/**
 * Empties a stopped node's data volume. The volume itself stays: Pulumi owns it, and removing it would need the container to go
 * first. A short-lived container of the node's own image, which is there for certain, does the work without any network.
 */
export async function wipeData(
  docker: Docker,
  testnet: string,
  node: TopologyNode,
  facts: VolumeFacts,
  options: CallOptions,
  kept: readonly string[] = topOf(ownFiles(node)),
): Promise<void> {
  const volume = dataVolume(node, facts);
  const definition: Docker.ContainerCreateOptions = {
    name: `${containerName(testnet, node.name)}-wipe-${randomBytes(4).toString('hex')}`,
    Image: facts.Image,
    Entrypoint: ['/bin/sh', '-c', SCRIPT, 'wipe'],
    Cmd: [MOUNT, ...kept],
    User: '0:0',
    Labels: { [labels.testnet]: testnet, [labels.node]: node.name, [labels.helper]: 'wipe' },
    // "nocopy": otherwise the engine would fill the volume again from the image.
    HostConfig: { NetworkMode: 'none', Binds: [`${volume}:${MOUNT}:nocopy`] },
  };
  await withHelper(docker, `wiping ${node.name}`, definition, options, (helper) =>
    engineCall(`wipe ${node.name} (its image needs /bin/sh and rm for that)`, options, async (abortSignal) => {
      await helper.start({ abortSignal });
      const ended = (await helper.wait({ condition: 'not-running', abortSignal })) as { StatusCode: number };
      if (ended.StatusCode !== 0) {
        throw new LabError(`wiping ${node.name} ended with exit code ${ended.StatusCode}`, {
          details: { node: node.name, volume, exitCode: ended.StatusCode },
        });
      }
    }),
  );
}

/** Name of the volume with the node's data. */
export function dataVolume(node: TopologyNode, facts: VolumeFacts): string {
  const mount = facts.Mounts.find((candidate) => candidate.Destination === node.dataDir);
  if (mount?.Type === 'volume' && mount.Name !== undefined) return mount.Name;
  throw new LabError(`the data folder ${node.dataDir} of ${node.name} is not a volume of its container`, {
    details: { node: node.name, dataDir: node.dataDir },
  });
}

/** Paths within the data folder that hold the node's identity or its configuration. */
export function ownFiles(node: TopologyNode): string[] {
  return [...Object.keys(node.secretFiles), ...Object.keys(node.files)]
    .map((path) => posix.relative(node.dataDir, path))
    .filter((relative) => relative !== '' && !relative.startsWith('..'));
}

/** A wipe keeps the whole folder that such a file is in. */
function topOf(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => path.split('/')[0] ?? ''))];
}
