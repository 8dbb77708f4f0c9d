import type { BackupManifest } from '../../backup/backup-manifest.ts';
import { waitFor } from '../../core/wait.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

/** For a node with the data of a backup to reach the height of those that were started before it. */
const levelTimeoutMs = 180_000;
/** For a node that answers to tell the height of the data that it was started with: it needs nobody for that. In ms. */
const ownHeightTimeoutMs = 15_000;

/** Throws StepError when a node answers, and does not hold the height that was put back; one that does not answer is left to the others' wait. */
export async function requireOwnHeight(
  { inputs, session, signal }: RunContext,
  node: string,
  { id, nodes }: BackupManifest,
): Promise<void> {
  const { profile, clock } = inputs;
  const client = session.clients.get(node);
  const wanted = nodes.find((one) => one.node === node)?.height;
  if (wanted === undefined || !client) return;
  const untilMs = clock.monotonicMs() + ownHeightTimeoutMs;
  for (;;) {
    const height = await profile.probe(client).then(
      (status) => status.height,
      () => undefined,
    );
    if (height !== undefined && height >= wanted) return;
    if (clock.monotonicMs() > untilMs) {
      if (height === undefined) return;
      const what = `${node} was given the data of backup ${id}, which holds height ${wanted}, and after its start holds no more than ${height}`;
      throw new StepError([node], 'fail', `the restore is not proven: ${what}: it forgets what it was given`);
    }
    await clock.sleep(250, signal);
  }
}

/** Until all of them tell the highest height that any of them knew when it was first asked. */
export async function awaitLevel(
  { inputs, session, signal }: RunContext,
  names: readonly string[],
  floor: number,
): Promise<void> {
  const { profile, clock } = inputs;
  let wanted: number | undefined;
  const look = async (): Promise<true | undefined> => {
    const heights = await Promise.all(
      names.map(async (name) => {
        const client = session.clients.get(name);
        const height = client && (await profile.probe(client)).height;
        if (height === undefined) throw new Error(`${name} does not tell its height`);
        return height;
      }),
    );
    wanted ??= Math.max(floor, ...heights);
    const behind = names.flatMap((name, index) =>
      (heights[index] ?? 0) < (wanted ?? 0) ? [`${name} at ${heights[index]}`] : [],
    );
    if (behind.length === 0) return true;
    throw new Error(`${behind.join(', ')}, not at ${wanted}`);
  };
  const what = `${names.join(', ')} to come to the height of the newest data (${floor})`;
  await waitFor(look, { clock, what, timeoutMs: levelTimeoutMs, intervalMs: 250, signal });
}
