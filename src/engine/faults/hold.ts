import { canonicalJson } from '../../core/canonical.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { createProbeClient } from '../../gates/probe-client.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { ProbeClient } from '../../spec/profile.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { judgeHold, type HoldSample } from './judge-hold.ts';

const callTimeoutMs = 1_000;
const shortestPollMs = 500;
/** Looks that one hold takes at most; a longer one looks less often. */
const mostLooks = 300;
/** Heights that one look compares at most. */
const mostHeights = 4;
/** A network without a rule of its own for it has settled after that. */
const usualStallMs = 5_000;

/** Lets time pass while faults act, and looks whether what the plan expects holds. */
export async function hold(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, faults, signal } = context;
  const { clock, profile } = inputs;
  const { id, forMs = 0, expects } = step;
  const clients = directClients(context);
  const pollMs = Math.max(shortestPollMs, forMs / mostLooks);
  const startedMs = clock.monotonicMs();
  const samples: HoldSample[] = [];
  const elapsedMs = (): number => clock.monotonicMs() - startedMs;
  for (;;) {
    if (expects) samples.push(await look(context, clients, elapsedMs()));
    faults.throwIfVoid();
    session.gates.throwIfGuardFailed();
    const leftMs = forMs - elapsedMs();
    if (leftMs <= 0) break;
    await clock.sleep(Math.min(pollMs, leftMs), signal);
  }
  if (!expects) return;
  const settleMs = Math.min(forMs / 3, 2 * (profile.progress?.maxStallMs ?? usualStallMs));
  const { verdict, reason, blamed } = judgeHold(expects, samples, settleMs, profile.blockAt !== undefined);
  const nodes = [...new Set([...(expects.goOn ?? []), ...(expects.standStill ?? [])])];
  await session.record({
    type: 'finding',
    step: id,
    finding: 'hold',
    nodes,
    verdict,
    reason,
    evidence: await storeEvidence(session.runDir, { expects, settleMs, samples }),
  });
  if (verdict !== 'pass') throw new StepError(blamed, verdict, `${id}: ${reason}`);
}

async function look(
  { inputs }: RunContext,
  clients: ReadonlyMap<string, ProbeClient>,
  atMs: number,
): Promise<HoldSample> {
  const heights: Record<string, number> = {};
  await Promise.all(
    [...clients].map(async ([node, client]) => {
      const status = await inputs.profile.probe(client).catch(() => undefined);
      if (status?.height !== undefined) heights[node] = status.height;
    }),
  );
  const forks: string[] = [];
  let compared = 0;
  for (const height of someOf(Object.values(heights))) {
    const holders = [...clients].filter(([node]) => (heights[node] ?? -1) >= height);
    const told = await Promise.all(
      holders.map(async ([node, client]) => {
        const block = await inputs.profile.blockAt?.(client, height).catch(() => undefined);
        return block && ([canonicalJson(block.hashes), node] as const);
      }),
    );
    const byHash = Map.groupBy(
      told.filter((each) => each !== undefined),
      ([hash]) => hash,
    );
    if ([...byHash.values()].flat().length < 2) continue;
    compared++;
    if (byHash.size < 2) continue;
    const sides = [...byHash.values()].map((side) => side.map(([, node]) => node).join(', '));
    forks.push(`height ${height} is not one block: ${sides.join(' against ')}`);
  }
  return { atMs, heights, compared, forks };
}

/** The lowest, the highest, and some between: those who stand still are compared with those who go on. */
function someOf(heights: readonly number[]): number[] {
  const distinct = [...new Set(heights)].sort((a, b) => a - b);
  if (distinct.length <= mostHeights) return distinct;
  const picked = Array.from({ length: mostHeights }, (_, index) =>
    Math.round((index * (distinct.length - 1)) / (mostHeights - 1)),
  );
  return picked.flatMap((index) => distinct[index] ?? []);
}

/** A node that does not answer must not use up the time for a look. */
function directClients({ inputs, session }: RunContext): Map<string, ProbeClient> {
  const { lab, clock, transport = httpTransport(clock) } = inputs;
  return new Map(
    session.deployed.nodes.map((node) => [
      node.name,
      createProbeClient({ baseUrl: (port) => lab.endpoint(node, port), transport, timeoutMs: callTimeoutMs }),
    ]),
  );
}
