import type Docker from 'dockerode';
import { expect, test } from 'vitest';
import { dataVolumeSize } from '../../../../src/lab/docker/volume-snapshot.ts';
import { dataVolumeName } from '../../../../src/topology/container.ts';
import { worldNode } from '../../../helpers/gate-world.ts';

const node = worldNode(0, '1.0.0');
const name = dataVolumeName('world', node.name);
const other = { Name: 'another', UsageData: { Size: 7 } };

test.each([
  ['as the engine measures it', [other, { Name: name, UsageData: { Size: 42 } }], 42],
  ['nothing where the engine has no such volume', [other], 0],
  ['unknown where the engine did not measure it', [{ Name: name, UsageData: { Size: -1 } }], undefined],
  ['unknown where the engine tells no sizes', [{ Name: name, UsageData: null }], undefined],
  ['unknown where the engine lists no volumes', null, undefined],
])('the size of a data volume is %s', async (_what, volumes, expected) => {
  const docker = { df: async () => ({ Volumes: volumes }) } as unknown as Docker;
  const facts = { Image: '', Mounts: [{ Type: 'volume', Name: name, Destination: node.dataDir }] };
  expect(await dataVolumeSize(docker, node, facts, {})).toBe(expected);
});
