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
import type { ContainerFacts } from './owned-container.ts';

const MOUNT = '/seatrial-wipe';

/** Removes every entry of $1 but those named by the arguments after it. Only sh and rm, which nearly every image has. */
const SCRIPT = `dir=$1; shift
for entry in "$dir"/* "$dir"/.[!.]* "$dir"/..?*; do
  [ -e "$entry" ] || [ -L "$entry" ] || continue
  for kept in "$@"; do [ "$entry" = "$dir/$kept" ] && continue 2; done
  rm -rf -- "$entry" || exit 1
done`;

/**
 * Empties a stopped node's data volume. The volume itself stays: Pulumi owns it, and removing it would need the container to go
 * first. A short-lived container of the node's own image, which is there for certain, does the work without any network.
 */
export async function wipeData(
  docker: Docker,
  testnet: string,
  node: TopologyNode,
  facts: ContainerFacts,
  options: CallOptions,
): Promise<void> {
  const mount = facts.Mounts.find((candidate) => candidate.Destination === node.dataDir);
  if (mount?.Type !== 'volume' || mount.Name === undefined) {
    throw new LabError(`cannot wipe ${node.name}: its data folder ${node.dataDir} is not a volume of its container`, {
      details: { node: node.name, dataDir: node.dataDir },
    });
  }
  const definition: Docker.ContainerCreateOptions = {
    name: `${containerName(testnet, node.name)}-wipe-${randomBytes(4).toString('hex')}`,
    Image: facts.Image,
    Entrypoint: ['/bin/sh', '-c', SCRIPT, 'wipe'],
    Cmd: [MOUNT, ...keptEntries(node)],
    User: '0:0',
    Labels: { [labels.testnet]: testnet, [labels.node]: node.name, [labels.helper]: 'wipe' },
    // "nocopy": otherwise the engine would fill the volume again from the image.
    HostConfig: { NetworkMode: 'none', Binds: [`${mount.Name}:${MOUNT}:nocopy`] },
  };
  await withHelper(docker, `wiping ${node.name}`, definition, options, (helper) =>
    engineCall(`wipe ${node.name} (its image needs /bin/sh and rm for that)`, options, async (abortSignal) => {
      await helper.start({ abortSignal });
      const ended = (await helper.wait({ condition: 'not-running', abortSignal })) as { StatusCode: number };
      if (ended.StatusCode !== 0) {
        throw new LabError(`wiping ${node.name} ended with exit code ${ended.StatusCode}`, {
          details: { node: node.name, volume: mount.Name, exitCode: ended.StatusCode },
        });
      }
    }),
  );
}

/** Entries at the top of the data folder that hold the node's identity or its configuration. */
function keptEntries(node: TopologyNode): string[] {
  const kept = new Set<string>();
  for (const path of [...Object.keys(node.secretFiles), ...Object.keys(node.files)]) {
    const relative = posix.relative(node.dataDir, path);
    if (relative !== '' && !relative.startsWith('..')) kept.add(relative.split('/')[0] ?? '');
  }
  return [...kept];
}
