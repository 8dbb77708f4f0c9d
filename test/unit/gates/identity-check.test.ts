import { describe, expect, test } from 'vitest';
import { IdentityTracker, identityMismatch, intendedNode } from '../../../src/gates/identity-check.ts';
import type { NodeReading } from '../../../src/gates/readings.ts';
import type { NodeIdentity, NodeObservation } from '../../../src/lab/lab.ts';
import { claimedDigest } from '../../../src/topology/claimed.ts';
import { digestOf, worldNode } from '../../helpers/gate-world.ts';

const node = worldNode(0, '1.1.0');
const intended = intendedNode(node);
const right: NodeIdentity = {
  digest: digestOf('1.1.0'),
  command: ['--id', 'node-0'],
  generation: 'generation-1.1.0',
  startedAtMs: 10_000,
  instance: 'new',
  pid: 7,
};

function seen(observation: Partial<NodeObservation>, isAlive = true): NodeReading {
  return {
    observation: { ok: true, value: { node: 'node-0', state: 'running', ...observation } },
    liveness: isAlive ? { ok: true } : { ok: false, error: 'refused' },
    status: { ok: true, value: {} },
  };
}

function tracker(given: Partial<ConstructorParameters<typeof IdentityTracker>[0]> = {}): IdentityTracker {
  return new IdentityTracker({ node: 'node-0', intended, actionAtMs: 10_000, instanceBefore: 'old', ...given });
}

describe('the identity of a node', () => {
  test('is right when digest, arguments, generation and start are as intended', () => {
    const watched = tracker();
    expect(watched.judge(seen({ identity: right }))).toEqual({ state: 'OK' });
    expect(watched.established).toEqual({ instance: 'new', startedAtMs: 10_000, restartCount: 0 });
  });

  test.each<[string, Partial<NodeIdentity>, RegExp]>([
    [
      'another program runs',
      { digest: digestOf('1.0.0') },
      /^node-0 runs sha256:\w{12} instead of sha256:\w{12} \(1\.1\.0\)$/,
    ],
    [
      'it was made from another definition',
      { generation: 'other' },
      /is of generation other instead of generation-1\.1\.0/,
    ],
    [
      'it claims another version',
      { digest: claimedDigest('0.9.0') },
      /^node-0 says that it runs 0\.9\.0, instead of 1\.1\.0$/,
    ],
    ['it has other arguments', { command: ['--id', 'node-1'] }, /runs with the arguments "--id node-1" instead of/],
    ['it has fewer arguments', { command: ['node-0'] }, /runs with the arguments/],
    ['it has more arguments', { command: ['x', 'y', '--', '--id', 'node-0'] }, /runs with the arguments/],
    ['it is still the old start', { instance: 'old' }, /is still the start from before the action/],
    ['it started too early', { startedAtMs: 8_500 }, /started 1\.5 s before the action/],
  ])('is BAD when %s and it answers', (_title, wrong, detail) => {
    // Whether a start is a new one is told by the wall clock only where the start before is not known.
    const given = 'startedAtMs' in wrong ? { instanceBefore: undefined } : {};
    const sample = tracker(given).judge(seen({ identity: { ...right, ...wrong } }));
    expect(sample).toMatchObject({ state: 'BAD', detail: expect.stringMatching(detail) as string });
  });

  test('is not known yet while what is wrong does not answer: it may be leaving', () => {
    const sample = tracker().judge(seen({ identity: { ...right, instance: 'old' } }, false));
    expect(sample).toMatchObject({ state: 'UNKNOWN', reason: 'identity-mismatch' });
  });

  test.each(['absent', 'stopped', 'paused', 'foreign'] as const)('is BAD when the node is %s', (state) => {
    expect(tracker().judge(seen({ state, exitCode: 3 }))).toEqual({
      state: 'BAD',
      detail: `node-0 is ${state} (exit code 3)`,
    });
  });

  test('is unknown when the lab cannot tell', () => {
    const blind: NodeReading = { ...seen({}), observation: { ok: false, error: 'no engine' } };
    expect(tracker().judge(blind)).toMatchObject({ state: 'UNKNOWN', reason: 'query-error' });
    expect(tracker().judge(seen({}))).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
  });

  test('counts another start as a restart that nobody asked for, once', () => {
    const watched = tracker();
    watched.judge(seen({ identity: right }));
    const restarted = { ...right, instance: 'newer', startedAtMs: 12_000 };
    const sample = watched.judge(seen({ identity: restarted, wasOomKilled: true }));
    expect(sample).toMatchObject({
      state: 'BAD',
      detail: expect.stringContaining('want of memory (1 since the action)') as string,
    });
    expect(watched.judge(seen({ identity: restarted }))).toEqual({ state: 'OK' });
    expect(watched.unplannedRestarts).toBe(1);
  });

  test('counts restarts that the engine saw between two looks', () => {
    const watched = tracker();
    watched.judge(seen({ identity: right, restartCount: 0 }));
    watched.judge(seen({ identity: { ...right, instance: 'newer' }, restartCount: 3 }));
    expect(watched.unplannedRestarts).toBe(3);
  });

  test('counts restarts before the first look when the action made the node', () => {
    const watched = tracker();
    expect(watched.judge(seen({ identity: right, restartCount: 2 })).state).toBe('BAD');
    expect(watched.unplannedRestarts).toBe(2);
  });

  test('does not count restarts from before, when nothing was done', () => {
    const watched = tracker({ actionAtMs: undefined, instanceBefore: undefined });
    expect(watched.judge(seen({ identity: right, restartCount: 2 }))).toEqual({ state: 'OK' });
    expect(watched.unplannedRestarts).toBe(0);
  });

  test('without an intention is whatever runs', () => {
    const watched = new IdentityTracker({ node: 'node-0' });
    expect(watched.judge(seen({ identity: { ...right, digest: 'sha256:anything' } }))).toEqual({ state: 'OK' });
    expect(watched.judge(seen({ identity: { ...right, instance: 'other' } })).state).toBe('BAD');
  });
});

describe('arguments', () => {
  test('of a container are compared whole', () => {
    const container = { ...intended, command: ['--id', 'node-0'] };
    delete (container as { programPath?: string }).programPath;
    expect(identityMismatch({ ...right, command: ['--id', 'node-0'] }, container)).toBeUndefined();
    expect(identityMismatch({ ...right, command: ['node-0'] }, container)).toContain('arguments');
    expect(identityMismatch({ ...right, command: [] }, container)).toContain('arguments');
  });

  test('an image id is as right as the digest of the program in it', () => {
    const both = intendedNode({ ...node, release: { ...node.release, imageId: 'sha256:image' } });
    expect(identityMismatch({ ...right, digest: 'sha256:image' }, both)).toBeUndefined();
  });
});
