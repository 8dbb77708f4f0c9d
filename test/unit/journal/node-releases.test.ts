import { expect, test } from 'vitest';
import { nodeReleases } from '../../../src/journal/node-releases.ts';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';

const before = (node: string, state = 'running') => ({
  node,
  version: '1.0.0',
  digest: 'sha256:aa',
  generation: 'g',
  state,
});
const records = (events: readonly RunEvent[]): RunRecord[] =>
  [
    { type: 'run.started', before: [before('a'), before('b'), before('c', 'absent')] } as unknown as RunEvent,
    ...events,
  ].map((event, seq) => ({ seq, at: '2026-01-01T00:00:00.000Z', monoMs: 0, prev: '', ...event }));
const intent = (node: string, action: 'create' | 'replace' | 'remove' = 'replace'): RunEvent => ({
  type: 'intent',
  step: 's',
  action,
  node,
  toVersion: '1.1.0',
  toDigest: 'sha256:bb',
  generation: 'h',
});
const done = (node: string, action: 'create' | 'replace' | 'remove' = 'replace'): RunEvent => ({
  type: 'done',
  step: 's',
  action,
  node,
  digest: 'sha256:bb',
  instance: '1:2',
  version: '1.1.0',
  tookMs: 1,
});

test('a node that was not touched runs what it ran before, an absent one nothing', () => {
  expect(nodeReleases(records([]))).toEqual([
    { node: 'a', version: '1.0.0', digest: 'sha256:aa' },
    { node: 'b', version: '1.0.0', digest: 'sha256:aa' },
    { node: 'c', version: undefined, digest: undefined },
  ]);
});

test('an intent without a done leaves both releases possible', () => {
  expect(nodeReleases(records([intent('a'), done('a'), intent('b')]))).toMatchObject([
    { node: 'a', version: '1.1.0', digest: 'sha256:bb' },
    { node: 'b', version: '1.0.0', unfinished: { action: 'replace', toVersion: '1.1.0', toDigest: 'sha256:bb' } },
    { node: 'c' },
  ]);
});

test('a done settles the intent', () => {
  const [a, , c] = nodeReleases(
    records([intent('c', 'create'), done('c', 'create'), intent('a', 'remove'), done('a', 'remove')]),
  );
  expect(a).toEqual({ node: 'a', version: undefined, digest: undefined });
  expect(c).toEqual({ node: 'c', version: '1.1.0', digest: 'sha256:bb' });
});
