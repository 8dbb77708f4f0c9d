import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder } from '../engine/lock.ts';
import { readDeployedTopology, stateFolder } from '../engine/state.ts';
import { accessLab } from './labs.ts';

/** Faults that act on testnets of this project though no command is at work there, a sentence for each testnet. */
export async function faultResidue(root: string): Promise<{ testnet: string; detail: string }[]> {
  const entries = await readdir(join(root, '.seatrial'), { withFileTypes: true }).catch(() => []);
  const found: { testnet: string; detail: string }[] = [];
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const stateDir = stateFolder(root, name);
    const topology = await readDeployedTopology(stateDir).catch(() => undefined);
    if (!topology || (await lockHolder(stateDir))) continue;
    const listed = await listedOn(root, topology);
    if (listed.length === 0) continue;
    const names = listed.map(({ id, node, state }) => `${id} on ${node} (${state})`).join(', ');
    found.push({ testnet: name, detail: `${names}; end them with: seatrial heal ${name} --all` });
  }
  return found;
}

type Deployed = NonNullable<Awaited<ReturnType<typeof readDeployedTopology>>>;

/** A lab that cannot be reached is told of elsewhere. */
async function listedOn(root: string, topology: Deployed) {
  try {
    const { lab } = await accessLab({ root }, topology);
    try {
      return (await lab.faults?.list()) ?? [];
    } finally {
      await lab.close();
    }
  } catch {
    return [];
  }
}
