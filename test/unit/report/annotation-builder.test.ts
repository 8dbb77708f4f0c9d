import { expect, test } from 'vitest';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { AnnotationBuilder, type Annotation } from '../../../src/report/annotation-builder.ts';

const startMs = Date.parse('2026-01-01T00:00:00.000Z');

/** Annotations of these events, one second apart. */
function annotate(events: readonly Partial<RunEvent>[]): Annotation[] {
  const builder = new AnnotationBuilder('local', 'tss-canary');
  return events.flatMap((event, seq) =>
    builder.add({
      ...event,
      seq,
      at: new Date(startMs + seq * 1000).toISOString(),
      monoMs: seq,
      prev: '',
    } as RunRecord),
  );
}

const common = ['seatrial', 'testnet:local', 'runbook:tss-canary'];

test('a step is a region from its start to its end', () => {
  expect(
    annotate([
      { type: 'step.started', step: 's' },
      { type: 'note', text: 'x' },
      { type: 'step.done', step: 's' },
    ]),
  ).toEqual([{ time: startMs, timeEnd: startMs + 2000, tags: [...common, 'step'], text: 'step s: done' }]);
});

test('a gate is a region on its nodes with its verdict, an effect a region on its node', () => {
  const verdict = { kind: 'FAIL', reason: 'height <stuck>' } as never;
  const found = annotate([
    { type: 'gate.started', gate: 'g', step: 's', nodes: ['a', 'b'] },
    { type: 'effect.intent', step: 's', effect: 'stop', node: 'a', detail: {} },
    { type: 'effect.done', step: 's', effect: 'stop', node: 'a', tookMs: 1000, detail: {} },
    { type: 'gate.verdict', gate: 'g', step: 's', nodes: ['a', 'b'], verdict, evidence: 'e' },
  ]);
  expect(found).toEqual([
    {
      time: startMs + 1000,
      timeEnd: startMs + 2000,
      tags: [...common, 'effect', 'node:a'],
      text: 'stop of a: done in 1.0 s',
    },
    {
      time: startMs,
      timeEnd: startMs + 3000,
      tags: [...common, 'gate', 'node:a', 'node:b', 'verdict:FAIL'],
      text: 'gate g: FAIL: height &lt;stuck&gt;',
    },
  ]);
});

test('what has not ended when the run ends is closed with it, the run itself last', () => {
  const found = annotate([
    { type: 'run.started', runbook: 'tss-canary', runId: 'r' },
    { type: 'step.started', step: 's' },
    { type: 'run.finished', outcome: 'error', exitCode: 4 },
  ]);
  expect(found.map(({ text }) => text)).toEqual(['step s: not ended', 'tss-canary (run r): error']);
  expect(found.at(-1)).toMatchObject({
    time: startMs,
    timeEnd: startMs + 2000,
    tags: [...common, 'run', 'outcome:error'],
  });
});

test('interventions and findings are points; records that nobody needs on a chart are none', () => {
  const found = annotate([
    { type: 'paused', by: 'operator' },
    { type: 'lease.taken', token: 1 },
    { type: 'finding', step: 's', finding: 'slo', nodes: ['a'], verdict: 'fail', reason: 'too slow', evidence: 'e' },
  ]);
  expect(found).toHaveLength(2);
  expect(found.every((each) => !('timeEnd' in each))).toBe(true);
  expect(found[1]).toMatchObject({ text: 'slo on a: FAIL: too slow', tags: [...common, 'finding', 'node:a'] });
});

test('a region never ends before it begins, though the clock was set back', () => {
  const builder = new AnnotationBuilder('local', 'r');
  const at = (ms: number): string => new Date(startMs + ms).toISOString();
  builder.add({ type: 'step.started', step: 's', seq: 0, at: at(0), monoMs: 0, prev: '' });
  const [region] = builder.add({ type: 'step.done', step: 's', seq: 1, at: at(-3_600_000), monoMs: 1, prev: '' });
  expect(region).toMatchObject({ time: startMs, timeEnd: startMs });
});
