import { messageOf } from '../../core/errors.ts';
import type { ObserveVerdict, RunEvent } from '../../journal/records.ts';
import type { NodeObservation } from '../../lab/lab.ts';
import { HeldError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import type { EffectDetail } from '../run-state.ts';

type Intent = RunEvent & { type: 'intent' };

/**
 * Looks at every change whose end was not written down: what is complete gets its `done`; what was never begun is as it was before; what
 * is partial is left to the stage, which finishes it. Throws HeldError where what is there is not ours, or cannot be seen.
 */
export async function recoverOpenIntents({ inputs, session }: RunContext): Promise<void> {
  const { lab } = inputs;
  const untouched: string[] = [];
  for (const intent of [...session.state.open.values()]) {
    const node = session.deployed.nodes.find(({ name }) => name === intent.node);
    if (!node) continue;
    let observation: NodeObservation | undefined;
    let detail: string | undefined;
    try {
      observation = await lab.observe(node);
      detail = observation.detail;
    } catch (error) {
      detail = messageOf(error);
    }
    const verdict = observation ? observeVerdict(intent, observation) : 'unknown';
    const { step, action } = intent;
    await session.record({ type: 'observed', step, action, node: node.name, verdict, ...(detail && { detail }) });
    if (verdict === 'foreign' || verdict === 'unknown') {
      throw new HeldError(`whether ${node.name} was changed cannot be told: ${detail ?? verdict}`);
    }
    if (verdict === 'absent' && action === 'replace') untouched.push(node.name);
    if (verdict !== 'complete') continue;
    await session.record({
      type: 'done',
      step,
      action,
      node: node.name,
      digest: observation?.identity?.digest ?? 'none',
      instance: observation?.identity?.instance ?? 'none',
      version: intent.toVersion,
      tookMs: 0,
    });
  }
  // What they were meant to become was written down for others, who would find them different.
  if (untouched.length > 0) await session.standAt(untouched, await inputs.topologyFor(session.state.wanted));
}

/** The same for what was done to running nodes: an effect that is complete gets its `done`, any other is done by its stage again. */
export async function recoverOpenEffects({ inputs, session, effects, snapshots }: RunContext): Promise<void> {
  const { lab } = inputs;
  for (const intent of [...session.state.openEffects.values()]) {
    const { step, effect, node: name, detail: facts } = intent;
    const node = session.deployed.nodes.find((candidate) => candidate.name === name);
    if (!node) continue;
    let verdict: ObserveVerdict = 'unknown';
    let detail: string | undefined;
    let found: EffectDetail = {};
    try {
      const held = session.state.switches.get(`${name}/${String(facts['toggle'])}`);
      const { state } = await lab.observe(node);
      if (state === 'foreign') verdict = 'foreign';
      else if (effect === 'stop' || effect === 'kill') verdict = state === 'stopped' ? 'complete' : 'absent';
      else if (effect === 'wipe') verdict = 'partial';
      else if (effect === 'start') verdict = state === 'running' ? 'complete' : 'absent';
      else if (effect === 'snapshot' || effect === 'restore') {
        ({ verdict, found = {} } = await snapshots.observe(intent));
      } else if (held) verdict = (await effects.holds(held)) === (effect === 'switch') ? 'complete' : 'absent';
    } catch (error) {
      detail = messageOf(error);
    }
    await session.record({ type: 'observed', step, action: effect, node: name, verdict, ...(detail && { detail }) });
    // A switch ends by itself, and is cleared once more when the run ends; whether a node runs must be known.
    if (verdict === 'foreign' || (verdict === 'unknown' && (effect === 'stop' || effect === 'start'))) {
      throw new HeldError(`what became of the ${effect} of ${name} cannot be told: ${detail ?? verdict}`);
    }
    if (verdict === 'complete') {
      await session.record({
        type: 'effect.done',
        step,
        effect,
        node: name,
        tookMs: 0,
        detail: { ...facts, ...found },
      });
    }
  }
}

/** How far an intended change came, by what runs now. */
export function observeVerdict({ action, generation, toDigest }: Intent, found: NodeObservation): ObserveVerdict {
  const { state, identity } = found;
  if (state === 'foreign') return 'foreign';
  if (action === 'remove') return state === 'absent' ? 'complete' : 'absent';
  if (state === 'absent') return action === 'create' ? 'absent' : 'partial';
  if (state !== 'running') return 'partial';
  const isNew = identity?.generation === generation && (toDigest === 'none' || identity.digest === toDigest);
  return isNew ? 'complete' : 'absent';
}
