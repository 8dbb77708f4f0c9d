import { describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';
import { ByteFlow, HELD_LIMIT_BYTES } from '../../../../src/lab/process/links/byte-flow.ts';
import { Path } from '../../../../src/lab/process/links/path.ts';
import type { PathShape } from '../../../../src/lab/process/links/link-rules.ts';

interface FlowBench {
  clock: VirtualClock;
  path: Path;
  flow: ByteFlow;
  /** What arrived, each with the time at which it did. */
  arrived: string[];
  isPaused(): boolean;
  /** Whether the receiver takes data. */
  takes: { data: boolean };
}

function flowBench(shape: Partial<PathShape> = {}, random = (): number => 0.5): FlowBench {
  const clock = createVirtualClock({ isAutomatic: false });
  const path = new Path('a', 'b', random);
  if (Object.keys(shape).length > 0) {
    path.shape = { delayMs: 0, jitterMs: 0, lossShare: 0, bitsPerSecond: Infinity, ...shape };
  }
  const arrived: string[] = [];
  const note = (what: string): void => void arrived.push(`${Math.round(clock.monotonicMs())} ${what}`);
  let isPaused = false;
  const takes = { data: true };
  const flow = new ByteFlow({
    path,
    clock,
    source: { pause: () => (isPaused = true), resume: () => (isPaused = false) },
    sink: {
      write: (chunk) => {
        note(chunk.length > 20 ? `${chunk.length} bytes` : chunk.toString());
        return takes.data;
      },
      end: () => note('end'),
      reset: () => note('reset'),
    },
  });
  return { clock, path, flow, arrived, isPaused: () => isPaused, takes };
}

describe('bytes on a path without faults', () => {
  test('are passed on at once and counted, and so is the end of the stream', () => {
    const { flow, arrived, path } = flowBench();
    flow.push(Buffer.from('one'));
    flow.push(Buffer.from('two'));
    flow.finish('end');
    expect(arrived).toEqual(['0 one', '0 two', '0 end']);
    expect(path.counters).toMatchObject({ passedBytes: 6, heldBytes: 0, shapedBytes: 0 });
  });

  test('wait at their sender while the receiver takes none', () => {
    const { flow, isPaused, takes } = flowBench();
    takes.data = false;
    flow.push(Buffer.from('one'));
    expect(isPaused()).toBe(true);
    takes.data = true;
    flow.drained();
    expect(isPaused()).toBe(false);
  });
});

describe('bytes on a path that is cut', () => {
  test('are held with the end that follows them, and delivered in order after the heal', async () => {
    const { flow, arrived, path, clock } = flowBench();
    flow.push(Buffer.from('before'));
    flow.hold(true);
    flow.push(Buffer.from('one'));
    flow.push(Buffer.from('two'));
    flow.finish('end');
    await clock.advance(60_000);
    expect(arrived).toEqual(['0 before']);
    expect(path.counters.heldBytes).toBe(6);
    flow.hold(false);
    await clock.advance(0);
    expect(arrived).toEqual(['0 before', '60000 one', '60000 two', '60000 end']);
    expect(path.counters.passedBytes).toBe(12);
  });

  test('are taken from the sender up to a limit only', async () => {
    const { flow, isPaused, clock } = flowBench();
    flow.hold(true);
    flow.push(Buffer.alloc(HELD_LIMIT_BYTES - 1));
    expect(isPaused()).toBe(false);
    flow.push(Buffer.alloc(1));
    expect(isPaused()).toBe(true);
    flow.hold(false);
    await clock.advance(0);
    expect(isPaused()).toBe(false);
  });

  test('a broken connection is told of after the heal only, and no second time', async () => {
    const { flow, arrived, clock } = flowBench();
    flow.hold(true);
    flow.finish('reset');
    flow.finish('reset');
    flow.finish('end');
    await clock.advance(1000);
    expect(arrived).toEqual([]);
    flow.hold(false);
    await clock.advance(0);
    expect(arrived).toEqual(['1000 reset']);
  });
});

describe('bytes on a path with a delay', () => {
  test('arrive that much later each, the end behind them', async () => {
    const { flow, arrived, path, clock } = flowBench({ delayMs: 100 });
    flow.push(Buffer.from('one'));
    await clock.advance(30);
    flow.push(Buffer.from('two'));
    flow.finish('end');
    await clock.advance(200);
    expect(arrived).toEqual(['100 one', '130 two', '130 end']);
    expect(path.counters.shapedBytes).toBe(6);
  });

  test('keep their order whatever the jitter', async () => {
    const delays = [1, 0, 0.5];
    const { flow, arrived, clock } = flowBench({ delayMs: 100, jitterMs: 50 }, () => delays.shift() ?? 0);
    for (const text of ['one', 'two', 'three', 'four']) flow.push(Buffer.from(text));
    await clock.advance(500);
    expect(arrived).toEqual(['150 one', '150 two', '150 three', '150 four']);
  });

  test('that is healed are delivered at once', async () => {
    const { flow, arrived, path, clock } = flowBench({ delayMs: 30_000 });
    flow.push(Buffer.from('one'));
    await clock.advance(1000);
    path.shape = undefined;
    flow.rush();
    await clock.advance(0);
    flow.push(Buffer.from('two'));
    expect(arrived).toEqual(['1000 one', '1000 two']);
  });

  test('are held when the path is cut as well, and come after the heal though their time has passed', async () => {
    const { flow, arrived, clock } = flowBench({ delayMs: 100 });
    flow.push(Buffer.from('one'));
    await clock.advance(50);
    flow.hold(true);
    await clock.advance(1000);
    expect(arrived).toEqual([]);
    flow.hold(false);
    await clock.advance(0);
    expect(arrived).toEqual(['1050 one']);
  });
});

describe('bytes on a path with losses', () => {
  test('wait for a retransmission of 200 ms, of twice that when it is lost too, and hold up what follows', async () => {
    const draws = [0.5, 0, 0, 0.9, 0.5, 0.9];
    const { flow, arrived, path, clock } = flowBench({ lossShare: 0.1 }, () => draws.shift() ?? 1);
    flow.push(Buffer.from('one'));
    flow.push(Buffer.from('two'));
    await clock.advance(1000);
    expect(arrived).toEqual(['600 one', '600 two']);
    expect(path.counters.losses).toBe(2);
  });
});

describe('bytes on a narrow path', () => {
  test('take their time, after a short burst', async () => {
    // 80 kbit/s are 10 bytes a millisecond.
    const { flow, arrived, path, clock } = flowBench({ bitsPerSecond: 80_000 });
    await clock.advance(1000);
    flow.push(Buffer.alloc(10_000));
    await clock.advance(5000);
    const last = arrived.at(-1) ?? '';
    expect(arrived.length).toBeGreaterThan(5);
    expect(Number(last.split(' ')[0])).toBe(1980);
    expect(path.counters.passedBytes).toBe(10_000);
  });

  test('share its limit with all connections between the two', () => {
    const { path } = flowBench({ bitsPerSecond: 80_000 });
    const first = path.arrivalMs(1000, 1000);
    expect(path.arrivalMs(1000, 1000)).toBe(first + 100);
  });
});
