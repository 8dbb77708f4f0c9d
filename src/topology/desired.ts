import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';
import type { SpecNode } from '../spec/nodes.ts';

/** What each node is to run. The testnet file is the source; a run may move it away until the file is edited again. */
export interface DesiredState {
  /** SHA-256 of the testnet file that this was derived from. */
  specHash: string;
  /** Version by node. */
  versions: Record<string, string>;
}

function desiredFile(stateDir: string): string {
  return join(stateDir, 'desired.json');
}

/** The state a run left, while the file is unchanged; otherwise what the file says. */
export async function readDesired(
  stateDir: string,
  specHash: string,
  nodes: readonly SpecNode[],
): Promise<DesiredState> {
  const stored = await readJsonFile<DesiredState>(desiredFile(stateDir));
  const versions = Object.fromEntries(
    nodes.map((node) => [
      node.name,
      (stored?.specHash === specHash ? stored.versions[node.name] : undefined) ?? node.version,
    ]),
  );
  return { specHash, versions };
}

export async function writeDesired(stateDir: string, desired: DesiredState): Promise<void> {
  await writeFileAtomic(desiredFile(stateDir), `${JSON.stringify(desired, null, 2)}\n`);
}
