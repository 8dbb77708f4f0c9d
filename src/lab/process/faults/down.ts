import { lstat, open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { LabError } from '../../../core/errors.ts';
import { isErrno } from '../../../core/files.ts';
import type { TopologyNode } from '../../../topology/topology.ts';
import { ownFiles } from '../node-files.ts';
import type { ActionOf, FaultKind } from './fault-kind.ts';

/** So many of the largest files are spoiled, and so many bytes in the middle of each. */
const SPOILED_FILES = 3;
const SPOILED_BYTES = 256;

/** The node is ended and kept down; its undoing is a start as it was last defined. What became of its data stays so. */
export const down: FaultKind<ActionOf<'down'>> = {
  inject: async ({ node, action }, { lab }, keep) => {
    if ((await lab.processes(node.name)).length === 0) {
      throw new LabError(`${node.name} cannot be taken down: it is not running`, { details: { node: node.name } });
    }
    await keep({});
    if (action.signal === 'SIGKILL') await lab.signal(node, 'SIGKILL');
    // After a kill this ends the children only.
    await lab.stop(node);
    if (action.data === 'wipe') await lab.wipe(node);
    if (action.data === 'corrupt') await keep({ spoiled: await spoilData(node) });
  },
  inspect: async ({ node, action, memo }, { lab }) => {
    const isGone = (await lab.processes(node.name)).length === 0;
    const spoiled = memo['spoiled'] as string[] | undefined;
    const effect = {
      process: isGone ? 'gone' : 'there',
      data: action.data,
      ...(spoiled && { spoiledFiles: spoiled.length }),
    };
    if (isGone) return { state: 'injected', effect };
    return { state: 'lost', effect, detail: `${node.name} was started by somebody else` };
  },
  undo: async ({ node }, { lab }) => {
    if (await lab.defined(node.name)) await lab.start(node);
  },
};

/** Turns over bytes in the middle of the largest files; returns their paths in the data folder. */
async function spoilData(node: TopologyNode): Promise<string[]> {
  const kept = ownFiles(node);
  const entries = await readdir(node.dataDir, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths
      .filter((path) => !kept.has(relative(node.dataDir, path)))
      .map(async (path) => ({ path, sizeBytes: (await lstat(path)).size })),
  );
  const largest = files.filter(({ sizeBytes }) => sizeBytes > 0).sort((a, b) => b.sizeBytes - a.sizeBytes);
  const chosen = largest.slice(0, SPOILED_FILES);
  if (chosen.length === 0) {
    throw new LabError(`${node.name} has no data that could be spoiled`, { details: { node: node.name } });
  }
  for (const { path, sizeBytes } of chosen) {
    const length = Math.min(SPOILED_BYTES, sizeBytes);
    const at = Math.floor((sizeBytes - length) / 2);
    const file = await open(path, 'r+');
    try {
      const bytes = Buffer.alloc(length);
      await file.read(bytes, 0, length, at);
      await file.write(
        bytes.map((byte) => byte ^ 0xff),
        0,
        length,
        at,
      );
      await file.sync();
    } finally {
      await file.close();
    }
  }
  return chosen.map(({ path }) => relative(node.dataDir, path));
}
