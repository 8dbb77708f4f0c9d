import { expect, test } from 'vitest';
import { LabError } from '../../../src/core/errors.ts';
import { inOrder, type NodeTask, taskFor } from '../../../src/deploy/pulumi/tasks.ts';
import type { NodeObservation } from '../../../src/lab/lab.ts';
import { containerTopology } from '../../helpers/monitored-topology.ts';

const [node] = containerTopology().nodes;
if (!node) throw new Error('the sample topology has no node');
const { name, generation } = node;

function running(runningGeneration: string): NodeObservation {
  const identity = {
    digest: 'sha256:1',
    command: [],
    generation: runningGeneration,
    startedAtMs: 0,
    instance: 'c1:0',
    pid: 1,
    containerId: 'c1',
  };
  return { node: name, state: 'running', identity };
}

test.each<[string, NodeObservation, NodeTask['kind'], boolean]>([
  ['absent', { node: name, state: 'absent' }, 'create', true],
  ['running as wanted', running(generation), 'keep', false],
  ['running another generation', running('other'), 'replace', false],
  ['stopped', { node: name, state: 'stopped' }, 'replace', true],
  ['paused', { ...running(generation), state: 'paused' }, 'replace', true],
])('a node that is %s gets its task', (_, observation, kind, isDown) => {
  expect(taskFor(node, observation, true)).toMatchObject({ node: name, kind, isDown, isProven: true });
});

test('a name that something else holds is an error with the reason that the lab gave', () => {
  const foreign: NodeObservation = { node: name, state: 'foreign', detail: 'it has no labels' };
  expect(() => taskFor(node, foreign, false)).toThrow(LabError);
  expect(() => taskFor(node, foreign, false)).toThrow('it has no labels');
});

test('what is down goes first, then broken releases, then gates that are due, then the order of the stage', () => {
  const task = (taskName: string, more: Partial<NodeTask> = {}): NodeTask => ({
    node: taskName,
    kind: 'replace',
    isDown: false,
    isProven: true,
    containerId: taskName,
    ...more,
  });
  const tasks = [
    task('healthy-b'),
    task('healthy-a'),
    task('fine', { kind: 'keep' }),
    task('due', { kind: 'keep', isProven: false }),
    task('broken', { isProven: false }),
    task('down', { isDown: true, isProven: false }),
    task('new', { kind: 'create', isDown: true }),
  ];
  const order = inOrder(tasks, ['due', 'healthy-a', 'healthy-b', 'broken']).map((each) => each.node);
  expect(order).toEqual(['down', 'broken', 'due', 'healthy-a', 'healthy-b', 'fine']);
});
