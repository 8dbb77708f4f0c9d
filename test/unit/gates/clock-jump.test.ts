import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import type { HttpTransport } from '../../../src/gates/probe-client.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';
import { roundTrip } from '../../helpers/gate-run.ts';
import { gateWorld } from '../../helpers/gate-world.ts';

const errors: MetricCheck = {
  name: 'errors',
  source: 'direct',
  condition: {
    kind: 'ratio',
    bad: { metric: 'requests_total', labels: { code: '500' } },
    total: { metric: 'requests_total' },
    max: 0.1,
  },
};
const hourMs = 3_600_000;

describe.each([
  ['forward', hourMs],
  ['back', -hourMs],
])('with the wall clock set an hour %s', (_title, jumpMs) => {
  /** Upgrades node-0; the operator's clock is set while the gate is in the given place. */
  async function gateWithJump(place: 'before the start' | 'while it settles' | 'while it observes', badShare: number) {
    const world = await gateWorld({ checks: [errors] });
    const set = { byMs: 0 };
    const clock: Clock = { ...world.clock, wallMs: () => world.clock.wallMs() + set.byMs };
    let isChanged = false;
    const transport: HttpTransport = async (request) => {
      const answer = await world.transport(request);
      const url = new URL(request.url);
      if (url.pathname !== '/metrics') return answer;
      // A request a millisecond.
      const requests = world.clock.monotonicMs();
      const bad = isChanged && url.port === '4000' ? requests * badShare : 0;
      return { ...answer, text: `requests_total{code="200"} ${requests - bad}\nrequests_total{code="500"} ${bad}\n` };
    };
    const keeper = world.keeper({ clock, transport });
    await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    keeper.beginChange(['node-0']);
    const actionAtMs = clock.wallMs();
    if (place === 'before the start') set.byMs = jumpMs;
    const node = await world.replace('node-0', '1.1.0');
    isChanged = true;
    const result = keeper.gate({ gateId: 'gate', nodes: [node], actionAtMs });
    if (place !== 'before the start') {
      await world.clock.advance(place === 'while it settles' ? 500 : 2500);
      set.byMs = jumpMs;
    }
    const { verdict, evidence } = await world.until(result);
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
    return verdict;
  }

  test.each(['before the start', 'while it settles', 'while it observes'] as const)(
    '%s of a good release, a gate passes after its usual time',
    async (place) => {
      const verdict = await gateWithJump(place, 0);
      expect(verdict).toMatchObject({ kind: 'PASS', elapsedMs: 1000 + 3500 });
    },
  );

  test.each(['before the start', 'while it settles', 'while it observes'] as const)(
    '%s of a bad release, a gate fails',
    async (place) => {
      expect(await gateWithJump(place, 0.9)).toMatchObject({ kind: 'FAIL', cause: 'bad-ratio' });
    },
  );
});
