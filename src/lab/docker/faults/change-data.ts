import type Docker from 'dockerode';
import { LabError } from '../../../core/errors.ts';
import type { TopologyNode } from '../../../topology/topology.ts';
import type { CallOptions } from '../../call-options.ts';
import { labels } from '../../labels.ts';
import { userOf } from '../image-user.ts';
import { ownContainer } from '../owned-container.ts';
import { dataVolume, wipeData } from '../wipe-data.ts';
import { runOnce } from './run-once.ts';

const MOUNT = '/seatrial-data';

/** Removes the data of a node that is down, or spoils it. */
export async function changeData(
  { docker, testnet, image }: { docker: Docker; testnet: string; image: string },
  node: TopologyNode,
  how: 'wipe' | 'corrupt',
  options: CallOptions,
): Promise<void> {
  const { facts, container } = await ownContainer(docker, testnet, node.name, options);
  if (how === 'wipe') {
    await wipeData(docker, testnet, node, facts, options);
    return;
  }
  const { uid, gid } = await userOf(container, facts.Config.User, options);
  const definition = {
    image,
    task: { role: 'spoil', folder: MOUNT },
    labels: { [labels.testnet]: testnet, [labels.node]: node.name, [labels.helper]: 'spoil' },
    rights: { user: `${uid}:${gid}`, volume: { name: dataVolume(node, facts), path: MOUNT } },
  } as const;
  const { spoiled } = await runOnce<{ spoiled: string[] }>(
    docker,
    `spoil the data of ${node.name}`,
    definition,
    options,
  );
  if (spoiled.length === 0) throw new LabError(`the data of ${node.name} cannot be spoiled: it has none`);
}
