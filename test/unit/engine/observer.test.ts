import { describe, expect, test } from 'vitest';
import { createObserver, type Observer } from '../../../src/engine/observer.ts';
import type { NodeReading, SlotReading } from '../../../src/gates/readings.ts';
import type { ObservationLine } from '../../../src/journal/records.ts';

interface Seen {
  height?: number;
  roundsMissed?: number;
  /** Default `first`. */
  instance?: string;
  isDown?: boolean;
}

function nodeReading(node: string, { height, roundsMissed, instance = 'first', isDown = false }: Seen): NodeReading {
  if (isDown) {
    return {
      observation: { ok: true, value: { node, state: 'stopped' } },
      liveness: { ok: false, error: 'refused' },
      status: { ok: false, error: 'refused' },
    };
  }
  const identity = { digest: 'sha256:d', command: [], generation: 'g', startedAtMs: 0, instance, pid: 1 };
  return {
    observation: { ok: true, value: { node, state: 'running', identity } },
    liveness: { ok: true },
    status: {
      ok: true,
      value: {
        version: '1.0.0',
        peers: 3,
        ...(height !== undefined && { height }),
        ...(roundsMissed !== undefined && { roundsMissed }),
      },
    },
  };
}

function reading(monoMs: number, nodes: Record<string, Seen>): SlotReading {
  return {
    slot: monoMs / 500,
    atMs: 1_000_000 + monoMs,
    monoMs,
    leftOut: [],
    nodes: Object.fromEntries(Object.entries(nodes).map(([name, seen]) => [name, nodeReading(name, seen)])),
  };
}

function observer(): { observer: Observer; lines: ObservationLine[] } {
  const lines: ObservationLine[] = [];
  return {
    lines,
    observer: createObserver({ write: (line) => lines.push(line), takeTally: () => ({ acknowledged: 2, errors: 1 }) }),
  };
}

describe('the observer', () => {
  test('writes a line for each node in each slot; what was not told is absent, not zero', () => {
    const { observer: watching, lines } = observer();
    watching.see(reading(0, { a: { height: 7 }, b: { isDown: true } }));
    expect(lines).toEqual([
      {
        atMs: 1_000_000,
        node: 'a',
        state: 'running',
        version: '1.0.0',
        digest: 'sha256:d',
        height: 7,
        peers: 3,
        alive: true,
        acknowledged: 2,
        errors: 1,
      },
      { atMs: 1_000_000, node: 'b', state: 'stopped', alive: false, acknowledged: 2, errors: 1 },
    ]);
    expect([watching.isServing('a'), watching.isServing('b'), watching.isServing('never seen')]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test('has no cost to tell before anything was seen', () => {
    expect(observer().observer.cost()).toEqual({});
  });
});

describe('the worst stall', () => {
  test('is the longest time in which the network’s highest height stood still, whichever node told it', () => {
    const { observer: watching } = observer();
    watching.see(reading(0, { a: { height: 1 }, b: { height: 1 } }));
    watching.see(reading(500, { a: { height: 2 }, b: { height: 1 } }));
    watching.see(reading(1000, { a: { isDown: true }, b: { height: 2 } }));
    watching.see(reading(2500, { a: { isDown: true }, b: { height: 3 } }));
    watching.see(reading(3000, { a: { height: 3 }, b: { height: 4 } }));
    expect(watching.cost().worstStallMs).toBe(2000);
  });

  test('counts a stall that has not ended', () => {
    const { observer: watching } = observer();
    watching.see(reading(0, { a: { height: 1 } }));
    watching.see(reading(500, { a: { height: 2 } }));
    watching.see(reading(9_500, { a: { isDown: true } }));
    expect(watching.cost().worstStallMs).toBe(9_000);
  });

  test('does not begin before a height was told', () => {
    const { observer: watching } = observer();
    watching.see(reading(0, { a: { isDown: true } }));
    watching.see(reading(60_000, { a: { height: 1 } }));
    expect(watching.cost().worstStallMs).toBe(0);
  });
});

describe('missed rounds', () => {
  test('are counted from what a node first told, as the node that saw most of them tells', () => {
    const { observer: watching } = observer();
    watching.see(reading(0, { a: { roundsMissed: 10 }, b: { roundsMissed: 3 } }));
    watching.see(reading(500, { a: { roundsMissed: 12 }, b: { roundsMissed: 8 } }));
    expect(watching.cost().missedRounds).toBe(5);
  });

  test('go on over the restart of a node, whose counter then begins anew', () => {
    const { observer: watching } = observer();
    watching.see(reading(0, { a: { roundsMissed: 10 } }));
    watching.see(reading(500, { a: { roundsMissed: 13 } }));
    watching.see(reading(1000, { a: { isDown: true } }));
    watching.see(reading(1500, { a: { roundsMissed: 0, instance: 'second' } }));
    watching.see(reading(2000, { a: { roundsMissed: 2, instance: 'second' } }));
    expect(watching.cost().missedRounds).toBe(5);
  });

  test('are not told where no node counts them', () => {
    const { observer: watching } = observer();
    watching.see(reading(0, { a: { height: 1 } }));
    expect(watching.cost()).toEqual({ worstStallMs: 0 });
  });
});
