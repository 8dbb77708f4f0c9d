import { describe, expect, test } from 'vitest';
import { Lease } from '../../../node/lease.ts';
import type { LeaseTime } from '../../../node/lease.ts';

/** Both clocks of a node; each can be set by itself. */
class Clocks {
  wallMs = 1_700_000_000_000;
  monotonicMs = 5000;

  get now(): LeaseTime {
    return { wallMs: this.wallMs, monotonicMs: this.monotonicMs };
  }

  pass(durationMs: number): void {
    this.wallMs += durationMs;
    this.monotonicMs += durationMs;
  }
}

const hourMs = 3_600_000;

function lease(clocks: Clocks, ttlMs: number, leaseId = 'a', on = true): string {
  return JSON.stringify({ leaseId, on, untilMs: clocks.wallMs + ttlMs, ttlMs });
}

describe('a lease', () => {
  test('is held until its time is over, to the millisecond', () => {
    const [clocks, held] = [new Clocks(), new Lease()];
    expect(held.held(clocks.now)).toBeNull();
    expect(held.observe(lease(clocks, 10_000), clocks.now)).toBe('taken');
    clocks.pass(9999);
    expect(held.held(clocks.now)).toEqual({ leaseId: 'a', on: true, remainingMs: 1 });
    clocks.pass(1);
    expect(held.held(clocks.now)).toBeNull();
  });

  test('can switch off as well, and is over at once when its file is gone', () => {
    const [clocks, held] = [new Clocks(), new Lease()];
    held.observe(lease(clocks, 10_000, 'b', false), clocks.now);
    expect(held.held(clocks.now)).toMatchObject({ leaseId: 'b', on: false });
    expect(held.observe(null, clocks.now)).toBe('none');
    expect(held.held(clocks.now)).toBeNull();
  });

  test('is set anew by a newer one', () => {
    const [clocks, held] = [new Clocks(), new Lease()];
    held.observe(lease(clocks, 10_000), clocks.now);
    clocks.pass(8000);
    expect(held.observe(lease(clocks, 10_000, 'c'), clocks.now)).toBe('taken');
    clocks.pass(8000);
    expect(held.held(clocks.now)).toEqual({ leaseId: 'c', on: true, remainingMs: 2000 });
  });

  test('is not prolonged by a wall clock that is set back, and does not come back after its end', () => {
    const [clocks, held] = [new Clocks(), new Lease()];
    const file = lease(clocks, 10_000);
    held.observe(file, clocks.now);
    clocks.pass(5000);
    clocks.wallMs -= hourMs;
    expect(held.held(clocks.now)).toMatchObject({ remainingMs: 5000 });
    clocks.pass(5000);
    expect(held.held(clocks.now)).toBeNull();
    clocks.wallMs -= hourMs;
    expect(held.observe(file, clocks.now)).toBe('unchanged');
    expect(held.held(clocks.now)).toBeNull();
  });

  test('ends early when the wall clock is set forward past its end', () => {
    const [clocks, held] = [new Clocks(), new Lease()];
    held.observe(lease(clocks, 10_000), clocks.now);
    clocks.wallMs += hourMs;
    expect(held.held(clocks.now)).toBeNull();
  });

  test('goes on over a restart within its time, and not beyond it', () => {
    const clocks = new Clocks();
    const file = lease(clocks, 10_000);
    clocks.pass(6000);
    clocks.monotonicMs = 0;
    const restarted = new Lease();
    restarted.observe(file, clocks.now);
    expect(restarted.held(clocks.now)).toMatchObject({ leaseId: 'a', remainingMs: 4000 });
    clocks.pass(6000);
    const late = new Lease();
    late.observe(file, clocks.now);
    expect(late.held(clocks.now)).toBeNull();
  });

  test('is bounded by its length even where a restart finds the wall clock set back', () => {
    const clocks = new Clocks();
    const file = lease(clocks, 10_000);
    clocks.wallMs -= hourMs;
    const restarted = new Lease();
    restarted.observe(file, clocks.now);
    expect(restarted.held(clocks.now)?.remainingMs).toBe(10_000);
  });
});

test.each([
  '',
  'on',
  'null',
  '[]',
  '{"leaseId":"a","on":true}',
  '{"leaseId":"","on":true,"untilMs":9999999999999,"ttlMs":1000}',
  '{"leaseId":"a","on":"yes","untilMs":9999999999999,"ttlMs":1000}',
  '{"leaseId":"a","on":true,"untilMs":9999999999999,"ttlMs":-1}',
  '{"leaseId":"a","on":true,"untilMs":"later","ttlMs":1000}',
])('%j is no lease', (content) => {
  const clocks = new Clocks();
  const held = new Lease();
  held.observe(lease(clocks, 10_000), clocks.now);
  expect(held.observe(content, clocks.now)).toBe('malformed');
  expect(held.held(clocks.now)).toBeNull();
});
