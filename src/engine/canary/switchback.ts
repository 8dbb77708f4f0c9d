import { harmOf, type HarmByNode } from '../../gates/canary/harm.ts';
import { switchbackSchedule } from '../../gates/canary/switchback-schedule.ts';
import { judgeSwitchback, type SwitchbackVerdict } from '../../gates/canary/switchback-verdict.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import type { PlanStep } from '../../journal/records.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { Measurements } from './measurements.ts';
import { readHarm } from './read-harm.ts';

/** Events that a node must have had in a block; fewer than by default, since blocks of a short canary are short. */
const minTotal = 5;

/** What was counted in a block, by measure. */
interface BlockHarm {
  index: number;
  harm: Record<string, HarmByNode>;
}

/**
 * Switches the feature on and off on one node in blocks whose order a journalled seed decides, and compares the harm that the node does
 * with that of the others. Only a veto: where nothing can be told it lets the run go on, and the gates have decided.
 */
export async function runSwitchback(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, effects, signal } = context;
  const { clock } = inputs;
  const {
    id,
    nodes: [flagged = ''],
    control = [],
    toggle = '',
    blocks = 2,
    forMs: blockMs = 1000,
    ttlMs = 0,
  } = step;
  const nodes = [flagged, ...control];
  const measures = effects.toggle(toggle).harm;
  const seed = await seedOf(context, id);
  const schedule = switchbackSchedule({ seed, blocks, blockMs });
  const file = new Measurements<BlockHarm>(session.runDir, id);
  const known = new Map((await file.read()).map((block) => [block.index, block.harm]));
  const judge = (): { name: string; result: SwitchbackVerdict }[] =>
    measures.map(({ name }) => ({
      name,
      result: judgeSwitchback({
        schedule,
        nodes,
        flagged,
        harmByBlock: schedule.blocks
          .slice(0, Math.max(-1, ...known.keys()) + 1)
          .map(({ index }) => known.get(index)?.[name]),
        seed,
        minTotal,
        // Several measures are several chances of a false alarm.
        failAt: 100 * measures.length,
      }),
    }));

  let verdicts = judge();
  for (const block of schedule.blocks) {
    if (known.has(block.index) || verdicts.some(({ result }) => result.verdict === 'fail')) continue;
    await session.awaitTurn(signal);
    const startedMs = clock.monotonicMs();
    await effects.switch(id, flagged, toggle, block.isOn, ttlMs, signal);
    const sleepUntil = (atMs: number): Promise<void> =>
      clock.sleep(Math.max(0, startedMs + atMs - block.startMs - clock.monotonicMs()), signal);
    await sleepUntil(block.countFromMs);
    const before = await readHarm(context, measures, nodes);
    await sleepUntil(block.endMs);
    const after = await readHarm(context, measures, nodes);
    const harm = Object.fromEntries(
      measures.map(({ name }) => [name, harmOf(before[name] ?? {}, after[name] ?? {})] as const),
    );
    known.set(block.index, harm);
    await file.add({ index: block.index, harm });
    verdicts = judge();
  }
  await conclude(context, step, { seed, schedule, nodes, flagged, harm: [...known], verdicts });
}

async function conclude(
  { session }: RunContext,
  { id, toggle, nodes }: PlanStep,
  evidence: { verdicts: { name: string; result: SwitchbackVerdict }[] } & Record<string, unknown>,
): Promise<void> {
  const { verdicts } = evidence;
  const failed = verdicts.filter(({ result }) => result.verdict === 'fail');
  const verdict =
    failed.length > 0 ? 'fail' : verdicts.some(({ result }) => result.verdict === 'pass') ? 'pass' : 'inconclusive';
  const told = failed.length > 0 ? failed : verdicts;
  const reason = `${toggle}: ${told.map(({ name, result }) => `${name}: ${sentence(result)}`).join('; ')}`;
  await session.record({
    type: 'finding',
    step: id,
    finding: 'switchback',
    nodes,
    verdict,
    reason,
    evidence: await storeEvidence(session.runDir, evidence),
  });
  if (verdict === 'fail') throw new StepError(nodes, 'fail', reason);
}

/** Chosen once and journalled, so that the order of the blocks can be made again. */
async function seedOf({ inputs, session }: RunContext, step: string): Promise<number> {
  const known = session.state.choices.get(`${step}/seed`);
  if (typeof known === 'number') return known;
  const seed = Math.floor(inputs.random() * 2 ** 31);
  await session.record({ type: 'choice', step, name: 'seed', value: seed });
  return seed;
}

/** Says what could have been found, once. */
function sentence({ reason, detectable: { text } }: SwitchbackVerdict): string {
  return reason.includes(text) ? reason : `${reason}; ${text}`;
}
