import { describe, expect, test } from 'vitest';
import { Effects } from '../../../src/engine/effects.ts';
import { RunState, type HeldSwitch } from '../../../src/engine/run-state.ts';
import type { RunEvent } from '../../../src/journal/records.ts';
import { toggleWorld, type ToggleWorld } from '../../helpers/toggle-world.ts';

const { signal } = new AbortController();
const ttlMs = 20_000;

/** The effects of a run on a lab whose lease takes its time to be looked at. */
async function slowEffects(): Promise<{
  world: ToggleWorld;
  effects: Effects;
  switchOn(): Promise<HeldSwitch>;
}> {
  const world = await toggleWorld();
  const { topology, profile, lab, clock, runId, before } = await world.inputs();
  const state = new RunState(before);
  let seq = 0;
  const record = async (event: RunEvent): Promise<void> => {
    const at = new Date(clock.wallMs()).toISOString();
    state.add({ seq: seq++, at, monoMs: clock.monotonicMs(), prev: '', ...event });
  };
  const requireLease = (): Promise<void> => clock.sleep(100);
  const clients = new Map();
  const effects = new Effects({ topology, profile, lab, clock, runId, state, clients, record, requireLease });
  const switchOn = async (): Promise<HeldSwitch> => {
    await world.untilSettled(effects.switch('on', 'node-0', 'boost', true, ttlMs, signal));
    const held = state.switches.get('node-0/boost');
    if (!held) throw new Error('nothing was switched');
    return held;
  };
  return { world, effects, switchOn };
}

describe('what is switched on a node for a time', () => {
  test('gets its whole time again when it is extended', async () => {
    const { world, effects, switchOn } = await slowEffects();
    const held = await switchOn();
    await world.untilSettled(world.clock.advance(15_000));
    await world.untilSettled(effects.extend(held, signal));
    await world.untilSettled(world.clock.advance(15_000));
    expect(world.isOn('node-0')).toBe(true);
  });

  test('stays off when it was cleared while an extension waited for its turn', async () => {
    const { world, effects, switchOn } = await slowEffects();
    const held = await switchOn();
    const busy = effects.switch('on', 'node-0', 'boost', true, ttlMs, signal);
    const extended = effects.extend(held, signal);
    const cleared = effects.clear(held, signal);
    await world.untilSettled(Promise.all([busy, extended, cleared]));
    expect(world.switched.filter((what) => what.startsWith('clear'))).toHaveLength(1);
    expect(world.switched.at(-1)).toBe('clear node-0');
    expect(world.isOn('node-0')).toBe(false);
  });

  test('is extended as it was switched last, not as it was when the extension was decided on', async () => {
    const { world, effects, switchOn } = await slowEffects();
    const held = await switchOn();
    const off = effects.switch('on', 'node-0', 'boost', false, ttlMs, signal);
    const extended = effects.extend(held, signal);
    await world.untilSettled(Promise.all([off, extended]));
    expect(world.switched).toEqual(['switch node-0 true', 'switch node-0 false', 'switch node-0 false']);
  });
});
