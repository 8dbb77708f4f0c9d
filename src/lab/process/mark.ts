import { listPids, readEnvironment, readStat, isAlive, type ProcessStat } from './proc.ts';

/**
 * Every process that the lab starts carries its origin in its environment, so that it can be found when the record of its pid
 * was never written (a crash between start and record) or was deleted by somebody.
 */
const MARK_VARIABLE = 'SEATRIAL_NODE';
/** On the lab daemon and its supervisor instead: they are no nodes. */
const DAEMON_VARIABLE = 'SEATRIAL_LAB';
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

export function daemonMarkEnvironment({
  testnet,
  stateDir,
}: Pick<Mark, 'testnet' | 'stateDir'>): Record<string, string> {
  return { [DAEMON_VARIABLE]: testnet, [STATE_VARIABLE]: stateDir };
}

/** All living processes that carry a mark of this testnet, oldest first: a node comes before the children that inherited from it. */
export async function findMarked(testnet: string, stateDir: string): Promise<MarkedProcess[]> {
  const prefix = `${MARK_VARIABLE}=${testnet}/`;
  const found = await findInState(stateDir, (environment) => environment.find((entry) => entry.startsWith(prefix)));
  return found.flatMap(({ stat, mark }) => {
    const [node, nonce] = mark.slice(prefix.length).split('/');
    return node && nonce ? { node, nonce, stat } : [];
  });
}

/** The testnet's lab daemon and what supervises it, oldest first. */
export async function findDaemon(testnet: string, stateDir: string): Promise<ProcessStat[]> {
  const wanted = `${DAEMON_VARIABLE}=${testnet}`;
  const found = await findInState(stateDir, (environment) => environment.find((entry) => entry === wanted));
  return found.map(({ stat }) => stat);
}

async function findInState(
  stateDir: string,
  markIn: (environment: string[]) => string | undefined,
): Promise<{ stat: ProcessStat; mark: string }[]> {
  const wantedState = `${STATE_VARIABLE}=${stateDir}`;
  const found = await Promise.all(
    (await listPids()).map(async (pid) => {
      const environment = await readEnvironment(pid);
      const mark = environment && markIn(environment);
      if (mark === undefined || !environment?.includes(wantedState)) return undefined;
      const stat = readStat(pid);
      return stat && isAlive(stat) ? { stat, mark } : undefined;
    }),
  );
  return found
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.stat.startTicks - b.stat.startTicks || a.stat.pid - b.stat.pid);
}
