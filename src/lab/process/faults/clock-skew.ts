import { readdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { LabError } from '../../../core/errors.ts';
import { readEnvironment } from '../proc.ts';
import type { ActionOf, FaultKind } from './fault-kind.ts';

/** Where distributions put it, beside a folder for each architecture. */
const FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];

/** Path of libfaketime, where it is installed. */
export async function findFaketime(): Promise<string | undefined> {
  const inner = await Promise.all(FOLDERS.map((folder) => readdir(folder).catch((): string[] => [])));
  const folders = FOLDERS.flatMap((folder, index) => [
    folder,
    ...(inner[index] ?? []).map((name) => `${folder}/${name}`),
  ]);
  return folders.map((folder) => `${folder}/faketime/libfaketime.so.1`).find((path) => existsSync(path));
}

/** The node is started again under libfaketime, with the offset in its environment alone; a plain start ends it. */
export const clockSkew: FaultKind<ActionOf<'clock'>> = {
  inject: async ({ node, action }, { lab }, keep) => {
    const library = await findFaketime();
    if (library === undefined) throw new LabError(`clock on ${node.name}: libfaketime is gone`);
    await keep({ isBegun: true });
    await lab.stop(node);
    await lab.startAltered(node, { env: skewedEnvironment(library, action.offsetMs) });
  },
  inspect: async ({ node, action }, { lab }) => {
    const [main] = await lab.processes(node.name);
    const effect = { offsetMs: action.offsetMs, process: main ? 'there' : 'gone' };
    const offset = offsetText(action.offsetMs);
    const isSkewed = main && (await readEnvironment(main.pid))?.includes(`FAKETIME=${offset}`);
    if (isSkewed) return { state: 'injected', effect };
    const detail = main ? `${node.name} was started again with the right time` : `${node.name} is gone`;
    return { state: 'lost', effect, detail };
  },
  undo: async ({ node, memo }, { lab }) => {
    if (memo['isBegun'] !== true || !(await lab.defined(node.name))) return;
    await lab.stop(node);
    await lab.start(node);
  },
};

/** The monotonic clock stays right: a program's own time-outs are not what is tried. */
function skewedEnvironment(library: string, offsetMs: number): Record<string, string> {
  return { LD_PRELOAD: library, FAKETIME: offsetText(offsetMs), FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

function offsetText(offsetMs: number): string {
  return `${offsetMs < 0 ? '-' : '+'}${(Math.abs(offsetMs) / 1000).toFixed(3)}`;
}
