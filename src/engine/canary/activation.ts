import type { PlanStep } from '../../journal/records.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import { messageOf } from '../../core/errors.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

const pollMs = 500;
/** A block may leave out what one node has given too late; a feature that works shows in nearly all. */
const provenShare = 0.8;

interface Proof {
  node: string;
  from: number;
  to: number;
  blocks: number;
  proven: number;
  problem?: string;
}

/**
 * Shows by the blocks themselves that nodes have a feature: it must be in at least eight of ten of the newest `blocks` blocks. A feature that never shows
 * is inconclusive: nothing is wrong with the network, and nothing was proven.
 */
export async function proveActivation(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, signal } = context;
  const { clock } = inputs;
  const { id, nodes, blocks = 1, timeoutMs = 0, toggle = '' } = step;
  const startedMs = clock.monotonicMs();
  const from = await highest(context);
  let proofs: Proof[] = [];
  do {
    await clock.sleep(pollMs, signal);
    const to = await highest(context);
    if (to < from + blocks) continue;
    proofs = await Promise.all(nodes.map((node) => proofOf(context, toggle, { node, from: to - blocks, to })));
    if (proofs.every((proof) => isProof(proof, blocks))) break;
  } while (clock.monotonicMs() - startedMs < timeoutMs);
  const lacking = proofs.filter((proof) => !isProof(proof, blocks));
  const isProven = proofs.length === nodes.length && lacking.length === 0;
  const reason = isProven
    ? `${toggle} shows: ${proofs.map(({ node, proven, blocks: seen }) => `${node} in ${proven} of ${seen} blocks`).join(', ')}`
    : proofs.length === 0
      ? `there were no ${blocks} new blocks within ${timeoutMs / 1000} s`
      : `${toggle} has no effect: ${lacking.map(({ node, proven, blocks: seen, problem }) => `${node} shows it in ${proven} of ${seen} blocks${problem === undefined ? '' : ` (${problem})`}`).join(', ')}`;
  await session.record({
    type: 'finding',
    step: id,
    finding: 'activation',
    nodes,
    verdict: isProven ? 'pass' : 'inconclusive',
    reason,
    evidence: await storeEvidence(session.runDir, { toggle, proofs }),
  });
  if (!isProven) throw new StepError(nodes, 'inconclusive', reason);
}

/** Not all of the newest blocks can show it: what a block's signers gave stands in the next one. */
function isProof({ blocks: seen, proven }: Proof, blocks: number): boolean {
  return seen >= Math.max(1, blocks - 1) && proven >= seen * provenShare;
}

async function proofOf(
  { session, effects }: RunContext,
  toggle: string,
  range: { node: string; from: number; to: number },
): Promise<Proof> {
  let problem: string | undefined;
  // Any node that has the blocks can show them; the switched one itself is asked last.
  const others = [...session.clients].filter(([name]) => name !== range.node).map(([, client]) => client);
  const own = session.clients.get(range.node);
  for (const client of [...others, ...(own ? [own] : [])]) {
    try {
      return { ...range, ...(await effects.toggle(toggle).proof(client, range)) };
    } catch (error) {
      problem = messageOf(error);
    }
  }
  return { ...range, blocks: 0, proven: 0, ...(problem !== undefined && { problem }) };
}

async function highest({ inputs, session }: RunContext): Promise<number> {
  const answers = await Promise.allSettled([...session.clients.values()].map((client) => inputs.profile.probe(client)));
  return Math.max(
    0,
    ...answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value.height ?? []) : [])),
  );
}
