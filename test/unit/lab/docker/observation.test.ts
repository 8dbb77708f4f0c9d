import { describe, expect, test } from 'vitest';
import { observationOf } from '../../../../src/lab/docker/observation.ts';
import type { ContainerFacts } from '../../../../src/lab/docker/owned-container.ts';
import { labels } from '../../../../src/lab/labels.ts';

function observe(state: Partial<ContainerFacts['State']>): ReturnType<typeof observationOf> {
  const facts = {
    Id: 'c0ffee',
    Image: `sha256:${'a'.repeat(64)}`,
    RestartCount: 3,
    Config: { Cmd: null, Labels: { [labels.generation]: '0123456789abcdef' } },
    State: {
      Status: 'running',
      Running: true,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Pid: 42,
      ExitCode: 0,
      Error: '',
      StartedAt: '2026-01-02T03:04:05.678901234Z',
      ...state,
    },
  };
  return observationOf('dev', 'validator-0', {
    state: 'owned',
    facts: facts as unknown as ContainerFacts,
    container: undefined as never,
  });
}

describe('what an inspection says about a node', () => {
  test('a running one has an identity read from the engine', () => {
    expect(observe({})).toEqual({
      node: 'validator-0',
      state: 'running',
      restartCount: 3,
      wasOomKilled: false,
      identity: {
        digest: `sha256:${'a'.repeat(64)}`,
        command: [],
        generation: '0123456789abcdef',
        startedAtMs: Date.parse('2026-01-02T03:04:05.678Z'),
        instance: 'c0ffee:2026-01-02T03:04:05.678901234Z',
        pid: 42,
        containerId: 'c0ffee',
      },
    });
  });

  test('a paused one is paused although the engine also calls it running', () => {
    expect(observe({ Paused: true, Status: 'paused' }).state).toBe('paused');
  });

  test('one between two restarts has no process, and says so', () => {
    const observation = observe({ Restarting: true, Status: 'restarting', Pid: 0, ExitCode: 7 });
    expect(observation).toMatchObject({ state: 'stopped', exitCode: 7, restartCount: 3 });
    expect(observation.identity).toBeUndefined();
    expect(observation.detail).toMatch(/exit code 7.*restart/);
  });

  test('one that ran out of memory keeps that and its exit code', () => {
    const observation = observe({ Running: false, Status: 'exited', OOMKilled: true, ExitCode: 137 });
    expect(observation).toMatchObject({ state: 'stopped', wasOomKilled: true, exitCode: 137 });
  });

  test('one that was never started has no exit code; one that could not be has the reason', () => {
    expect(observe({ Running: false, Status: 'created' }).exitCode).toBeUndefined();
    expect(observe({ Running: false, Status: 'created', Error: 'port is taken' }).detail).toContain('port is taken');
  });
});
