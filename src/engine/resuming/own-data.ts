import { RefusedError } from '../../core/errors.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import type { RunRecord } from '../../journal/records.ts';
import { isResumable } from '../../journal/run-ending.ts';
import { runFolder } from '../../journal/run-files.ts';
import type { Topology } from '../../topology/topology.ts';
import { mustNotStartEmpty } from '../ending/give-back.ts';

/** `wiped`: it has none. `part`: it was being put back. `held`: it is that of a backup, and older than that of another node. */
type DataState = 'wiped' | 'part' | 'held';

interface Left {
  data: DataState;
  runId: string;
  canGoOn: boolean;
}

/** Throws RefusedError('unsafe') where stopped nodes would be started that `withoutOwnData` tells of. */
export async function requireOwnData(stateDir: string, topology: Topology, stopped: readonly string[]): Promise<void> {
  const problem = await withoutOwnData(stateDir, topology, stopped);
  if (problem !== undefined) throw new RefusedError('unsafe', problem, { details: { testnet: topology.testnet } });
}

/**
 * Why stopped nodes must not be started as they are, and how their data comes back; undefined where they may. A run has left them without their own data: too
 * many of them without any would begin a chain of their own, and sign heights a second time. `stopped`: names of the nodes that stand still.
 */
export async function withoutOwnData(
  stateDir: string,
  topology: Topology,
  stopped: readonly string[],
): Promise<string | undefined> {
  if (stopped.length === 0) return undefined;
  const left = await leftWithoutData(stateDir);
  const having = (data: DataState): string[] => stopped.filter((node) => left.get(node)?.data === data);
  const empty = mustNotStartEmpty(topology, new Set(having('wiped')));
  const [part, held] = [having('part'), having('held')];
  const [first = ''] = [...empty, ...part, ...held];
  const found = left.get(first);
  if (!found) return undefined;
  const are = (names: string[], what: string): string[] =>
    names.length === 0 ? [] : [`${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} ${what}`];
  const what = [
    ...are(empty, 'no data, and started empty would begin a chain of their own'),
    ...are(part, 'data that was put back in part only'),
    ...are(held, 'the data of a backup, and must not start before their turn'),
  ];
  const { testnet } = topology;
  const goOn = found.canGoOn ? `go on with it: seatrial resume ${found.runId}; or ` : '';
  return `run ${found.runId} left nodes that must not be started as they are: ${what.join('; ')}. ${goOn}put a backup back: seatrial restore ${testnet} newest; or give the chain up: seatrial down ${testnet}`;
}

/** What the runs of a testnet have taken from its nodes and not given back, by their journals; a journal that cannot be trusted tells nothing. */
async function leftWithoutData(stateDir: string): Promise<Map<string, Left>> {
  const left = new Map<string, Left>();
  for (const { id, outcome } of (await listRuns(stateDir)).reverse()) {
    if (outcome === 'corrupt') continue;
    const { records } = await readJournal(runFolder(stateDir, id));
    const canGoOn = isResumable(records);
    for (const record of records) {
      const found = dataAfter(record);
      if (found?.data === 'own') left.delete(found.node);
      else if (found) left.set(found.node, { data: found.data, runId: id, canGoOn });
    }
  }
  return left;
}

/** What a node has after this record; undefined where it says nothing of that. */
function dataAfter(record: RunRecord): { node: string; data: DataState | 'own' } | undefined {
  // Whatever has started it, or made it anew, has looked before whether it may.
  if (record.type === 'done') return { node: record.node, data: 'own' };
  if (record.type !== 'effect.intent' && record.type !== 'effect.done') return undefined;
  const { node, effect, detail } = record;
  if (record.type === 'effect.intent') {
    if (effect === 'wipe') return { node, data: 'wiped' };
    return effect === 'restore' ? { node, data: 'part' } : undefined;
  }
  if (effect === 'start') return { node, data: 'own' };
  if (effect !== 'restore') return undefined;
  return { node, data: detail['together'] === true ? 'held' : 'own' };
}
