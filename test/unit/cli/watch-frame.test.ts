import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { NodeLook } from '../../../src/cli/node-look.ts';
import { changedLines, renderFrame, type Frame } from '../../../src/cli/watch/frame.ts';
import { RunViewBuilder, type RunView } from '../../../src/cli/watch/run-view.ts';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';

const startMs = Date.parse('2026-01-01T10:00:00.000Z');
const wide = { columns: 200, rows: 60 };

const look = (name: string, other: Partial<NodeLook> = {}): NodeLook => ({
  name,
  state: 'running',
  version: '1.1.0',
  digest: null,
  height: 100,
  peers: 3,
  startedAt: null,
  healthy: true,
  endpoints: {},
  ...other,
});

function view(...events: Partial<RunEvent>[]): RunView | undefined {
  const builder = new RunViewBuilder();
  const plan = {
    steps: [
      { id: 'load', kind: 'load' },
      { id: 'up/a', kind: 'replace' },
    ],
  };
  const started = {
    type: 'run.started',
    runId: 'r1',
    runbook: 'rolling-upgrade',
    testnet: 'local',
    lab: 'process',
    planHash: 'p',
    plan,
  };
  for (const [seq, event] of [started, ...events].entries()) {
    const at = new Date(startMs + seq * 1000).toISOString();
    builder.add({ ...event, seq, at, monoMs: seq, prev: '' } as unknown as RunRecord);
  }
  return builder.view;
}

const frame = (other: Partial<Frame> = {}): Frame => ({
  testnet: 'local',
  nowMs: startMs + 10_000,
  nodes: [look('a'), look('b', { height: 97, healthy: false, detail: '3 blocks behind' })],
  run: undefined,
  ...other,
});
const text = (lines: string[]): string => stripVTControlCharacters(lines.join('\n'));

test('nodes are shown with state, version, height, lag and peers', () => {
  const lines = renderFrame(frame(), wide).map(stripVTControlCharacters);
  expect(lines.slice(0, 7)).toEqual([
    'local  10:00:10 UTC  1 of 2 healthy',
    '',
    'NODE  STATE      VERSION  HEIGHT  LAG  PEERS',
    'a     healthy    1.1.0    100     0    3',
    'b     unhealthy  1.1.0    97      3    3      3 blocks behind',
    '',
    'no run yet',
  ]);
});

test('a run under way is shown with its step, the phase of its gate and the time that is left', () => {
  const run = view(
    { type: 'step.started', step: 'load' },
    { type: 'step.started', step: 'up/a' },
    { type: 'gate.started', gate: 'g1', step: 'up/a', nodes: ['a'], profile: 'smoke', deadlineMs: 30_000 },
    { type: 'gate.phase', gate: 'g1', phase: 'observe' },
  );
  const shown = text(renderFrame(frame({ run, owner: 'run rolling-upgrade (pid 7)' }), wide));
  expect(shown).toContain('1 of 2 healthy  run rolling-upgrade (pid 7)');
  expect(shown).toContain('rolling-upgrade r1: under way, 10.0 s, 0 of 2 steps done, at up/a, load');
  expect(shown).toContain('gate g1 of a: observe, for 7.0 s, 23.0 s left');
  expect(shown).toContain('10:00:03 gate a: smoke, at most 30 s');
});

test('a run that nobody works on is cut off, paused or waiting for an answer, and never under way', () => {
  const cut = view({ type: 'step.started', step: 'up/a' });
  expect(text(renderFrame(frame({ run: cut }), wide))).toContain('cut off, nobody goes on with it');
  const paused = view({ type: 'paused', by: 'operator' });
  expect(text(renderFrame(frame({ run: paused }), wide))).toContain('r1: paused');
  const asked: Partial<RunEvent> = {
    type: 'approval.requested',
    step: 'ask',
    question: 'Go on?\u001b[2J',
    planHash: 'p',
    deadlineAtMs: startMs + 70_000,
    onTimeout: 'stop',
  };
  expect(text(renderFrame(frame({ run: view(asked) }), wide))).toContain(
    'waits for an answer, 1 min 00 s left: Go on? [2J',
  );
  const answered = view(asked, { type: 'approval.decided', step: 'ask', planHash: 'p', decision: 'approved', by: 'x' });
  expect(text(renderFrame(frame({ run: answered }), wide))).not.toContain('waits for an answer');
});

test('a step that failed is not shown as open while it is rolled back', () => {
  const run = view(
    { type: 'step.started', step: 'load' },
    { type: 'step.started', step: 'up/a' },
    { type: 'rollback.started', reason: 'bad', nodes: ['a'] },
    { type: 'step.started', step: 'rollback/a' },
  );
  expect(run?.steps).toEqual({ done: 0, planned: 2, open: ['load', 'rollback/a'] });
});

test('an end that was followed by a resumption is not shown as the end', () => {
  const end: Partial<RunEvent> = { type: 'run.finished', outcome: 'interrupted', exitCode: 130 };
  const resumed: Partial<RunEvent> = {
    type: 'run.resumed',
    by: { host: 'h', pid: 1 },
    seatrialVersion: '1',
    code: 'c',
  };
  expect(view(end)?.outcome).toBe('interrupted');
  expect(view(end, resumed)?.outcome).toBe('unfinished');
});

test.each([
  [80, 24],
  [40, 10],
  [20, 8],
])(
  'a frame of fifty nodes fits into %i columns and %i rows, and the sick nodes are among those shown',
  (columns, rows) => {
    const nodes = Array.from({ length: 50 }, (_, index) =>
      look(`n${index}`, index === 41 ? { healthy: false, state: 'stopped' } : {}),
    );
    const events: Partial<RunEvent>[] = Array.from({ length: 30 }, (_, index) => ({
      type: 'note',
      level: 'info',
      text: `event ${index} ${'long '.repeat(40)}`,
    }));
    const lines = renderFrame(frame({ nodes, run: view(...events), hint: 'q leaves' }), { columns, rows }).map(
      stripVTControlCharacters,
    );
    expect(lines.length).toBeLessThan(rows);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines.join('\n')).toContain('n41');
    expect(lines.join('\n')).toMatch(/… and \d+ more/);
  },
);

test('without a terminal only what changed is a line: a height that rises is none', () => {
  const first = frame({ run: view({ type: 'note', level: 'info', text: 'one' }) });
  expect(changedLines(undefined, first).map((line) => line.slice(9))).toEqual([
    'a: healthy, 1.1.0, height 100',
    'b: unhealthy, 1.1.0, behind, height 97',
    expect.stringMatching(/^run r1 rolling-upgrade on local/),
    'one',
  ]);
  const later = frame({
    nowMs: startMs + 11_000,
    nodes: first.nodes.map((node) => ({ ...node, height: 200 })),
    run: first.run,
  });
  expect(changedLines(first, later)).toEqual([]);
  const note: Partial<RunEvent> = { type: 'note', level: 'info', text: 'one' };
  const gone = frame({
    nodes: [look('a', { healthy: false, state: 'stopped', height: null }), first.nodes[1] as NodeLook],
    run: view(note, note),
  });
  expect(changedLines(first, gone).map((line) => line.slice(9))).toEqual(['a: stopped, 1.1.0, height -', 'one']);
});

test('whoever begins to read after a run is told how it ended, not all of it', () => {
  const run = view(
    { type: 'note', level: 'info', text: 'one' },
    { type: 'run.finished', outcome: 'passed', exitCode: 0 },
  );
  expect(changedLines(undefined, frame({ nodes: [], run })).map((line) => line.slice(9))).toEqual(['passed']);
});
