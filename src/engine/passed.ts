import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';
import type { NodeIdentity } from '../lab/lab.ts';

/** By node: the running thing and generation whose gate passed. */
type PassedGates = Record<string, { runs: string; generation: string }>;

function passedFile(stateDir: string): string {
  return join(stateDir, 'passed.json');
}

/** A container keeps its id over restarts; a process is another one after each start. */
function runningThing(identity: NodeIdentity): string {
  return identity.containerId ?? identity.instance;
}

/** Whether a gate passed for exactly what runs now. */
export async function hasPassed(stateDir: string, node: string, identity: NodeIdentity): Promise<boolean> {
  const passed = (await readJsonFile<PassedGates>(passedFile(stateDir)))?.[node];
  return passed?.runs === runningThing(identity) && passed.generation === identity.generation;
}

/** Records a PASS for what runs under these names. */
export async function recordPassed(stateDir: string, identities: Record<string, NodeIdentity>): Promise<void> {
  const passed = (await readJsonFile<PassedGates>(passedFile(stateDir))) ?? {};
  for (const [node, identity] of Object.entries(identities)) {
    passed[node] = { runs: runningThing(identity), generation: identity.generation };
  }
  await writeFileAtomic(passedFile(stateDir), `${JSON.stringify(passed, null, 2)}\n`);
}
