import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BreakerOpenError, createBreaker, type Breaker, type BreakerOptions } from '../../../src/core/breaker.ts';
import { LabError } from '../../../src/core/errors.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:4100'), { code: 'ECONNREFUSED' });

interface World {
  clock: VirtualClock;
  breaker: Breaker;
  fail(): Promise<unknown>;
  succeed(): Promise<unknown>;
}

function world(options: BreakerOptions = {}, random: () => number = () => 0): World {
  const clock = createVirtualClock({ isAutomatic: false });
  const breaker = createBreaker({ clock, host: 'here', callClass: 'rpc', random, options });
  return {
    clock,
    breaker,
    fail: () => breaker.call(() => Promise.reject(refused)).catch((error: unknown) => error),
    succeed: () => breaker.call(() => Promise.resolve('done')).catch((error: unknown) => error),
  };
}

async function opened(options?: BreakerOptions, random?: () => number): Promise<World> {
  const made = world(options, random);
  for (let count = 0; count < 5; count++) await made.fail();
  expect(made.breaker.snapshot().state).toBe('open');
  return made;
}

describe('a breaker', () => {
  test('opens at the fifth failure within 300 s, whatever succeeded in between', async () => {
    const { breaker, clock, fail, succeed } = world();
    for (let count = 0; count < 4; count++) {
      expect(await fail()).toBe(refused);
      expect(await succeed()).toBe('done');
      await clock.advance(70_000);
    }
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', failures: 4, successes: 4 });
    await fail();
    expect(breaker.snapshot()).toMatchObject({ state: 'open', failures: 5, opened: 1 });
  });

  test('stays closed when the oldest of five failures is 300 s old', async () => {
    const { breaker, clock, fail } = world();
    for (let count = 0; count < 20; count++) {
      await fail();
      await clock.advance(75_000);
    }
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', failures: 20, opened: 0 });
  });

  test('counts failures in a row when asked to, over any time', async () => {
    const { breaker, clock, fail, succeed } = world({ mode: 'consecutive' });
    for (let count = 0; count < 12; count++) await (count % 4 === 3 ? succeed() : fail());
    expect(breaker.snapshot().state).toBe('closed');
    for (let count = 0; count < 5; count++) {
      await clock.advance(3_600_000);
      expect(breaker.snapshot().state).toBe('closed');
      await fail();
    }
    expect(breaker.snapshot().state).toBe('open');
  });

  test('rejects at once while it is open, and says until when', async () => {
    const { breaker, clock, succeed } = await opened();
    let isCalled = false;
    const error = await breaker.call(async () => (isCalled = true)).catch((caught: unknown) => caught);
    expect(isCalled).toBe(false);
    expect(error).toBeInstanceOf(BreakerOpenError);
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ code: 'lab', retryAtMs: clock.wallMs() + 60_000 });
    await clock.advance(59_999);
    expect(await succeed()).toBeInstanceOf(BreakerOpenError);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', rejected: 2 });
    await clock.advance(1);
    expect(await succeed()).toBe('done');
  });

  test('closes after two successes, and has then forgotten the failures of before', async () => {
    const { breaker, clock, fail, succeed } = await opened();
    await clock.advance(60_000);
    await succeed();
    expect(breaker.snapshot()).toMatchObject({ state: 'half-open', successes: 1 });
    await succeed();
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', successes: 2 });
    for (let count = 0; count < 4; count++) await fail();
    expect(breaker.snapshot().state).toBe('closed');
  });

  test('stays open for longer with every failed probe, up to its limit, and chance only adds', async () => {
    const { breaker, clock, fail } = await opened({}, () => 1);
    const times: number[] = [];
    for (let round = 0; round < 7; round++) {
      const { retryAtMs = 0 } = breaker.snapshot();
      times.push(Math.round((retryAtMs - clock.wallMs()) / 1000));
      await clock.advance(retryAtMs - clock.wallMs());
      await fail();
    }
    expect(times).toEqual([72, 144, 288, 576, 1080, 1080, 1080]);
    expect(breaker.snapshot()).toMatchObject({ opened: 8, streak: 8 });
  });

  test.each([
    ['an assertion that failed', () => new Error('expected 3 to be 4'), 'closed'],
    ['a 404', () => Object.assign(new Error('no such container'), { statusCode: 404 }), 'closed'],
    ['"already so"', () => Object.assign(new Error('not modified'), { statusCode: 304 }), 'closed'],
    ['a right that is missing', () => Object.assign(new Error('forbidden'), { statusCode: 403 }), 'closed'],
    ['a socket that may not be used', () => Object.assign(new Error('connect'), { code: 'EACCES' }), 'closed'],
    ['a full disk', () => Object.assign(new Error('write'), { code: 'ENOSPC' }), 'closed'],
    [
      'a full disk of the engine',
      () => Object.assign(new Error('no space left on device'), { statusCode: 500 }),
      'closed',
    ],
    ['a refused connection', () => refused, 'open'],
    [
      'a reset',
      () => new LabError('could not', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }),
      'open',
    ],
    ['a time-out of ours', () => new LabError('did not finish', { details: { timeoutMs: 10 } }), 'open'],
    ['a 500', () => new LabError('could not', { cause: Object.assign(new Error('x'), { statusCode: 500 }) }), 'open'],
    ['a 429', () => Object.assign(new Error('slow down'), { statusCode: 429 }), 'open'],
  ])('six times %s leave it %s', async (_what, make, state) => {
    const { breaker } = world();
    for (let count = 0; count < 6; count++) await breaker.call(() => Promise.reject(make())).catch(() => undefined);
    expect(breaker.snapshot().state).toBe(state);
    expect(breaker.snapshot().failures).toBe(state === 'open' ? 5 : 0);
  });

  test('counts a call that overruns its deadline, and ends it; one that its caller gave up counts as nothing', async () => {
    const { breaker, clock } = world();
    let isEnded = false;
    const hang = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          isEnded = true;
          reject(signal.reason);
        }),
      );
    const late = breaker.call(hang, { deadlineMs: clock.monotonicMs() + 200 }).catch((error: unknown) => error);
    await clock.advance(200);
    expect(await late).toMatchObject({ code: 'lab', message: 'here (rpc) did not answer within 200 ms' });
    expect(isEnded).toBe(true);
    expect(breaker.snapshot().failures).toBe(1);
    const controller = new AbortController();
    const given = breaker.call(hang, { signal: controller.signal }).catch((error: unknown) => error);
    controller.abort();
    await given;
    expect(breaker.snapshot()).toMatchObject({ failures: 1, successes: 0 });
  });

  test('counts no failure of planned downtime, nor one of a call that it began or ended in', async () => {
    const { breaker, clock, fail } = world();
    const first = breaker.suspend();
    const second = breaker.suspend();
    for (let count = 0; count < 6; count++) await fail();
    first();
    first();
    await fail();
    const straddling = breaker.call(() => clock.sleep(100).then(() => Promise.reject(refused)));
    second();
    const straddled = expect(straddling).rejects.toBe(refused);
    await clock.advance(100);
    await straddled;
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', failures: 0 });
    for (let count = 0; count < 5; count++) await fail();
    expect(breaker.snapshot()).toMatchObject({ state: 'open', failures: 5 });
  });

  test('watches without holding anything back, and what it watched closes it when its time has come', async () => {
    const { breaker, clock } = await opened();
    const watch = (work: () => Promise<string>): Promise<unknown> =>
      breaker.watch(work).catch((error: unknown) => error);
    expect(await watch(async () => 'seen')).toBe('seen');
    expect(await watch(() => Promise.reject(refused))).toBe(refused);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', failures: 6, successes: 1, rejected: 0, opened: 1 });
    await clock.advance(60_000);
    await watch(async () => 'seen');
    await watch(async () => 'seen');
    expect(breaker.snapshot().state).toBe('closed');
  });

  test('tries the host with the cheap probe where it has one, before any real call', async () => {
    const done: string[] = [];
    let isUp = false;
    const probe = async (): Promise<void> => {
      done.push('probe');
      if (!isUp) throw refused;
    };
    const { breaker, clock } = await opened({ probe });
    await clock.advance(60_000);
    const call = (): Promise<unknown> => breaker.call(async () => done.push('call')).catch((error: unknown) => error);
    expect(await call()).toBeInstanceOf(BreakerOpenError);
    expect(done).toEqual(['probe']);
    isUp = true;
    await clock.advance(120_000);
    await call();
    expect(done).toEqual(['probe', 'probe', 'probe', 'call']);
    expect(breaker.snapshot().state).toBe('closed');
  });
});

describe('waiting for a breaker', () => {
  test('ends at once when it is closed, and when a call may be tried', async () => {
    const { breaker, clock } = world();
    await breaker.whenClosed(undefined, clock.monotonicMs());
    const open = await opened();
    let isOver = false;
    const wait = open.breaker.whenClosed(undefined, Infinity).then(() => (isOver = true));
    await open.clock.advance(59_999);
    expect(isOver).toBe(false);
    await open.clock.advance(1);
    await wait;
    expect(open.breaker.snapshot().state).toBe('half-open');
  });

  test('probes by itself where there is a probe, until the breaker is closed', async () => {
    let tries = 0;
    const probe = async (): Promise<void> => {
      if (++tries < 3) throw refused;
    };
    const { breaker, clock } = await opened({ probe });
    const wait = breaker.whenClosed(undefined, Infinity);
    await clock.advance(60_000 + 120_000 + 240_000);
    await wait;
    expect(tries).toBe(4);
    expect(breaker.snapshot().state).toBe('closed');
  });

  test('ends at its deadline with the time of the next try, and with the signal', async () => {
    const { breaker, clock } = await opened();
    const late = breaker.whenClosed(undefined, clock.monotonicMs() + 1000).catch((error: unknown) => error);
    await clock.advance(1000);
    expect(await late).toMatchObject({ retryAtMs: clock.wallMs() + 59_000 });
    const controller = new AbortController();
    const given = expect(breaker.whenClosed(controller.signal, Infinity)).rejects.toMatchObject({ code: 'aborted' });
    controller.abort();
    await given;
    expect(clock.sleeping).toBe(0);
  });
});

describe('a breaker that is kept', () => {
  test('goes on in another process where it was, its times and totals included', async () => {
    const { breaker, clock, succeed } = await opened();
    await succeed();
    await clock.advance(20_000);
    const kept = JSON.parse(JSON.stringify(breaker.snapshot())) as ReturnType<Breaker['snapshot']>;
    const later = createVirtualClock({ isAutomatic: false, startMs: clock.wallMs() + 10_000 });
    const next = createBreaker({ clock: later, host: 'here', callClass: 'rpc', random: () => 0 });
    next.restore(kept);
    expect(next.snapshot()).toEqual(kept);
    await later.advance(29_999);
    await expect(next.call(async () => 'done')).rejects.toBeInstanceOf(BreakerOpenError);
    await later.advance(1);
    expect(await next.call(async () => 'done')).toBe('done');
    expect(next.snapshot()).toMatchObject({ state: 'half-open', rejected: 2, opened: 1 });
  });

  test.each([-3_600_000, 3_600_000])('survives a wall clock that was set by %i ms', async (jumpMs) => {
    const { breaker, clock } = await opened();
    const later = createVirtualClock({ isAutomatic: false, startMs: clock.wallMs() + jumpMs });
    const next = createBreaker({ clock: later, host: 'here', callClass: 'rpc', random: () => 0 });
    next.restore(breaker.snapshot());
    await later.advance(72_000);
    expect(await next.call(async () => 'done')).toBe('done');
  });

  test('keeps the failures that may still open it', async () => {
    const { breaker, clock, fail } = world();
    for (let count = 0; count < 4; count++) await fail();
    const next = createBreaker({ clock, host: 'here', callClass: 'rpc', random: () => 0 });
    next.restore(breaker.snapshot());
    await next.call(() => Promise.reject(refused)).catch(() => undefined);
    expect(next.snapshot().state).toBe('open');
  });
});

describe('of any history', () => {
  const gapMs = fc.oneof(fc.integer({ min: 0, max: 120_000 }), fc.constantFrom(0, 74_999, 75_000, 75_001));

  test('a closed breaker opens exactly when five failures lie within the last 300 s', async () => {
    const history = fc.array(fc.tuple(gapMs, fc.boolean()), { minLength: 1, maxLength: 60 });
    let openings = 0;
    await fc.assert(
      fc.asyncProperty(history, async (calls) => {
        const { breaker, clock, fail, succeed } = world();
        const failedAtMs: number[] = [];
        for (const [gap, isFailure] of calls) {
          await clock.advance(gap);
          const nowMs = clock.monotonicMs();
          await (isFailure ? fail() : succeed());
          if (isFailure) failedAtMs.push(nowMs);
          const isDue = failedAtMs.filter((atMs) => atMs > nowMs - 300_000).length >= 5;
          expect(breaker.snapshot().state).toBe(isDue ? 'open' : 'closed');
          if (!isDue) continue;
          openings++;
          return;
        }
      }),
      { numRuns: 200, seed: 20260101 },
    );
    expect(openings).toBeGreaterThan(20);
  });

  type Step =
    | { kind: 'start'; isWatched: boolean }
    | { kind: 'end'; which: number; outcome: 'answer' | 'failure' | 'nothing' }
    | { kind: 'wait'; durationMs: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('start' as const), isWatched: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        which: fc.nat(20),
        outcome: fc.constantFrom('answer' as const, 'failure' as const, 'failure' as const, 'nothing' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('wait' as const),
        durationMs: fc.constantFrom(1, 30_000, 60_000, 700_000),
      }),
    },
  );

  test('a half-open breaker never lets a second call through beside the first, and every rejection is counted', async () => {
    let trials = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150 }), async (steps) => {
        const { breaker, clock } = world({ failureThreshold: 2 });
        const open: {
          end(outcome: 'answer' | 'failure' | 'nothing'): void;
          isTrial: boolean;
          done: Promise<unknown>;
        }[] = [];
        let rejected = 0;
        const start = (isWatched: boolean): void => {
          const before = breaker.snapshot().state;
          let end: ((outcome: 'answer' | 'failure' | 'nothing') => void) | undefined;
          const work = (): Promise<string> =>
            new Promise((resolve, reject) => {
              end = (outcome) => {
                if (outcome === 'answer') resolve('done');
                else reject(outcome === 'failure' ? refused : new Error('an assertion'));
              };
            });
          const done = (isWatched ? breaker.watch(work) : breaker.call(() => work())).catch((error: unknown) => {
            if (error instanceof BreakerOpenError) rejected++;
          });
          if (!end) return;
          const isTrial = before === 'half-open' && !isWatched;
          if (isTrial) trials++;
          open.push({ end, isTrial, done });
          expect(open.filter((call) => call.isTrial).length).toBeLessThanOrEqual(1);
          if (!isWatched) expect(before).not.toBe('open');
        };
        for (const one of steps) {
          if (one.kind === 'start') start(one.isWatched);
          else if (one.kind === 'wait') await clock.advance(one.durationMs);
          else if (open.length > 0) {
            const [call] = open.splice(one.which % open.length, 1);
            call?.end(one.outcome);
            await call?.done;
          }
          await Promise.resolve();
        }
        for (const call of open) call.end('nothing');
        await Promise.all(open.map(({ done }) => done));
        expect(breaker.snapshot().rejected).toBe(rejected);
      }),
      { numRuns: 300, seed: 20260102 },
    );
    expect(trials).toBeGreaterThan(100);
  });
});
