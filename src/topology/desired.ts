import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';
import type { SpecNode } from '../spec/nodes.ts';
import type { FlagValue } from '../spec/profile.ts';

/** What nodes are to run, where it is not what the testnet file says. */
export interface Wanted {
  /** Version by node. */
  versions: Record<string, string>;
  /** Feature flags by node that a run has set; they win over those of the file. */
  flags?: Record<string, Record<string, FlagValue>>;
}

/** What each node is to run. The testnet file is the source; a run may move it away until the file is edited again. */
export interface DesiredState extends Wanted {
  /** SHA-256 of the testnet file that this was derived from. */
  specHash: string;
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
  const left = stored?.specHash === specHash ? stored : undefined;
  const versions = Object.fromEntries(nodes.map((node) => [node.name, left?.versions[node.name] ?? node.version]));
  return { specHash, versions, ...(left?.flags && { flags: left.flags }) };
}

export async function writeDesired(stateDir: string, desired: DesiredState): Promise<void> {
  await writeFileAtomic(desiredFile(stateDir), `${JSON.stringify(desired, null, 2)}\n`);
}

/** What is wanted when these nodes are changed; a change without flags leaves the node's flags as they are. */
export function changeWanted(
  wanted: Wanted,
  changes: readonly { node: string; version: string; flags?: Record<string, FlagValue> | undefined }[],
): Wanted {
  const versions = { ...wanted.versions };
  const flags = { ...wanted.flags };
  for (const change of changes) {
    versions[change.node] = change.version;
    if (change.flags) flags[change.node] = { ...flags[change.node], ...change.flags };
  }
  return { versions, ...(Object.keys(flags).length > 0 && { flags }) };
}
