import { expect, test } from 'vitest';
import { judgePair } from '../../../../../src/lab/docker/faults/judge-pair.ts';
import type { ProbeReport } from '../../../../../src/lab/docker/faults/agent/task.ts';

const heard = (udp: boolean, tcp = udp): ProbeReport['heard'][string] => ({ udp, tcp });
const ok = { isOk: true, roundTripMs: 0.2 };
const failed = { isOk: false, detail: 'no connection within 2000 ms' };

function judge(
  a: Partial<{ fresh: ProbeReport['fresh'][string]; heard: ProbeReport['heard'][string] }>,
  b: typeof a,
): ReturnType<typeof judgePair> {
  const reports = new Map<string, ProbeReport>([
    ['a', { fresh: a.fresh ? { b: a.fresh } : {}, heard: a.heard ? { b: a.heard } : {} }],
    ['b', { fresh: b.fresh ? { a: b.fresh } : {}, heard: b.heard ? { a: b.heard } : {} }],
  ]);
  return judgePair('a', 'b', reports, new Map());
}

test('a pair is whole when a new connection works and both flows deliver', () => {
  const pair = judge({ fresh: ok, heard: heard(true) }, { fresh: ok, heard: heard(true) });
  expect(pair).toEqual({ from: 'a', to: 'b', fresh: 'ok', established: 'ok', roundTripMs: 0.2 });
});

test('it is blocked when nothing of a arrives at b, whatever arrives at a', () => {
  const pair = judge({ fresh: failed, heard: heard(true, false) }, { heard: heard(false) });
  expect(pair).toMatchObject({ fresh: 'blocked', established: 'blocked', detail: failed.detail });
});

test('of a path that is cut one way the other direction counts by its datagrams: a stream cannot live on half a path', () => {
  const pair = judge({ fresh: failed, heard: heard(false) }, { heard: heard(true, false) });
  expect(pair).toMatchObject({ fresh: 'blocked', established: 'ok' });
});

test('a stream that still waits for its retransmission is not established yet, though datagrams go both ways', () => {
  const pair = judge({ fresh: ok, heard: heard(true, true) }, { heard: heard(true, false) });
  expect(pair).toMatchObject({ fresh: 'ok', established: 'blocked' });
  expect(pair.detail).toContain('delivers nothing yet');
});

test('nothing is known of a node that nobody looks from, and the reason is told', () => {
  const reports = new Map([['a', { fresh: {}, heard: {} }]]);
  const pair = judgePair('a', 'b', reports, new Map([['b', 'b does not run']]));
  expect(pair).toEqual({ from: 'a', to: 'b', fresh: 'unknown', established: 'unknown', detail: 'b does not run' });
});
