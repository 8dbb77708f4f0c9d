import { readFile, writeFile } from 'node:fs/promises';
import { LabError } from '../../../core/errors.ts';
import { isErrno } from '../../../core/files.ts';
import type { ActionOf, FaultKind } from './fault-kind.ts';

/** Stands in the middle of a spoiled file; no format that anybody uses takes it. */
const RUBBISH = '\u0001}{ spoiled on purpose ]["\u0001';

/** The node is started again with one of its files spoiled; every plain start puts its files right. */
export const config: FaultKind<ActionOf<'config'>> = {
  check: async ({ node, action: { path } }) => {
    if (Object.hasOwn(node.files, path)) return;
    const known = Object.keys(node.files).join(', ') || 'none';
    throw new LabError(`${node.name} has no configuration file ${path}; it has: ${known}`, {
      details: { node: node.name, path },
    });
  },
  inject: async ({ node, action: { path } }, { lab }, keep) => {
    await keep({ isBegun: true });
    await lab.stop(node);
    const right = node.files[path] ?? '';
    const middle = right.length >> 1;
    await writeFile(path, `${right.slice(0, middle)}${RUBBISH}${right.slice(middle + RUBBISH.length)}`);
    await lab.startAltered(node, { keepsFiles: true });
  },
  inspect: async ({ node, action: { path } }, { lab }) => {
    const content = await readFile(path, 'utf8').catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    const effect = { spoiled: path, process: (await lab.processes(node.name)).length === 0 ? 'gone' : 'there' };
    if (content !== node.files[path]) return { state: 'injected', effect };
    return { state: 'lost', effect, detail: `${path} of ${node.name} was put right by somebody else` };
  },
  undo: async ({ node, memo }, { lab }) => {
    if (memo['isBegun'] !== true || !(await lab.defined(node.name))) return;
    await lab.stop(node);
    await lab.start(node);
  },
};
