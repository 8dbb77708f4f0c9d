import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SpecError } from '../../src/core/errors.ts';
import { loadTestnetFile, type LoadedSpec } from '../../src/spec/load.ts';
import { expandNodes, type SpecNode } from '../../src/spec/nodes.ts';
import type { SystemProfile } from '../../src/spec/profile.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A small testnet file that is right; tests change one thing of it. */
export const soundSpec = `system: chain
lab: process
version: 1.0.0
releases:
  1.0.0: { program: one.mjs }
  1.1.0: { program: two.mjs }
nodes: { validator: 4 }
`;

/** A profile with two roles and no behaviour. */
export const plainProfile: SystemProfile = {
  name: 'chain',
  title: 'A chain for tests',
  roles: {
    validator: { defaultCount: 4, votingPower: 1, ports: { http: 8080, p2p: 9000 }, startOrder: 1 },
    follower: { defaultCount: 0, votingPower: 0, ports: { http: 8080 }, startOrder: 2 },
  },
  quorum: 'bft',
  command: (node) => ['--id', node.name, '--http', `${node.listenAddress}:${node.ports['http']}`],
  runtime: { command: ['node'], image: 'runtime' },
  stop: { signal: 'SIGTERM', graceMs: 1000 },
  liveness: { port: 'http', path: '/health' },
  probe: async () => ({}),
  checks: [],
};

export async function loadText(text: string, name = 'net.yaml'): Promise<LoadedSpec> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, text);
  return loadTestnetFile(file);
}

export async function expandText(text: string, profile = plainProfile): Promise<SpecNode[]> {
  return expandNodes(await loadText(text), profile);
}

/** The problems of a text as `line:column: message`, one string each; fails when there is none. */
export async function problemsOf(text: string, profile = plainProfile): Promise<string[]> {
  try {
    await expandText(text, profile);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return error.problems.map(({ message, position }) =>
      position ? `${position.line}:${position.column}: ${message}` : message,
    );
  }
  throw new Error('the text has no problem');
}
