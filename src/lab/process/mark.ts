import { listPids, readEnvironment, readStat, isAlive, type ProcessStat } from './proc.ts';

/**
 * Every process that the lab starts carries its origin in its environment, so that it can be found when the record of its pid
 * was never written (a crash between start and record) or was deleted by somebody.
 */
const MARK_VARIABLE = 'SEATRIAL_NODE';
const STATE_VARIABLE = 'SEATRIAL_STATE_DIR';

interface Mark {
  testnet: string;
  node: string;
  /** New for every start. */
  nonce: string;
  /** Absolute; tells two checkouts apart that use the same testnet name. */
  stateDir: string;
}

export interface MarkedProcess {
  node: string;
  nonce: string;
  stat: ProcessStat;
}

export function markEnvironment(mark: Mark): Record<string, string> {
  return { [MARK_VARIABLE]: `${mark.testnet}/${mark.node}/${mark.nonce}`, [STATE_VARIABLE]: mark.stateDir };
}

/** All living processes that carry a mark of this testnet, oldest first: a node comes before the children that inherited from it. */
export async function findMarked(testnet: string, stateDir: string): Promise<MarkedProcess[]> {
  const wantedState = `${STATE_VARIABLE}=${stateDir}`;
  const prefix = `${MARK_VARIABLE}=${testnet}/`;
  const found = await Promise.all(
    (await listPids()).map(async (pid): Promise<MarkedProcess | undefined> => {
      const environment = await readEnvironment(pid);
      const mark = environment?.find((entry) => entry.startsWith(prefix));
      if (!environment || mark === undefined || !environment.includes(wantedState)) return undefined;
      const [node, nonce] = mark.slice(prefix.length).split('/');
      const stat = readStat(pid);
      return node && nonce && stat && isAlive(stat) ? { node, nonce, stat } : undefined;
    }),
  );
  return found
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.stat.startTicks - b.stat.startTicks || a.stat.pid - b.stat.pid);
}
