import type { automation } from '@pulumi/pulumi';
import { expect, test } from 'vitest';
import { RefusedError } from '../../../src/core/errors.ts';
import { requireExpected } from '../../../src/deploy/pulumi/expectation.ts';
import {
  changesFrom,
  containerUrn,
  nodeChangesIn,
  type ResourceChange,
} from '../../../src/deploy/pulumi/resource-changes.ts';

const containerType = 'docker:index/container:Container';
const volumeType = 'docker:index/volume:Volume';

function step(op: string, type: string, name: string, node?: string): automation.EngineEvent {
  const urn = `urn:pulumi:dev::seatrial::seatrial:docker:Testnet$${type}::${name}`;
  const inputs = node === undefined ? {} : { labels: [{ label: 'org.seatrial.node', value: node }] };
  const state = { type, urn, id: '', parent: '', inputs, outputs: {}, provider: '' };
  const metadata = { op, urn, type, provider: '', ...(op === 'delete' ? { old: state } : { new: state }) };
  return { sequence: 0, timestamp: 0, resourcePreEvent: { metadata } } as unknown as automation.EngineEvent;
}

function differences(changes: ResourceChange[], expected: Parameters<typeof requireExpected>[1]): unknown {
  try {
    requireExpected(changes, expected);
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'drift') return error.details['differences'];
    throw error;
  }
}

test('the steps of a replacement are one change of the node', () => {
  const changes = changesFrom([
    step('same', volumeType, 'dev-a-data', 'a'),
    step('delete-replaced', containerType, 'dev-a-container', 'a'),
    step('replace', containerType, 'dev-a-container', 'a'),
    step('create-replacement', containerType, 'dev-a-container', 'a'),
    step('create', containerType, 'dev-b-container', 'b'),
    step('delete', containerType, 'dev-c-container', 'c'),
  ]);
  expect(nodeChangesIn(changes)).toEqual([
    { node: 'a', kind: 'replace' },
    { node: 'b', kind: 'create' },
    { node: 'c', kind: 'remove' },
  ]);
});

test('the volumes and the component of a node that comes or goes belong to its change', () => {
  const changes = changesFrom([
    step('create', 'seatrial:docker:Node', 'dev-b'),
    step('create', volumeType, 'dev-b-data', 'b'),
    step('create', containerType, 'dev-b-container', 'b'),
    step('delete', volumeType, 'dev-c-data', 'c'),
    step('delete', containerType, 'dev-c-container', 'c'),
    step('update', 'pulumi:providers:docker', 'dev-engine'),
  ]);
  expect(
    differences(changes, [
      { node: 'b', kind: 'create' },
      { node: 'c', kind: 'remove' },
    ]),
  ).toBeUndefined();
});

test('a change of monitoring, of a volume or in place is drift, named with what it would do', () => {
  const changes = changesFrom([
    step('replace', containerType, 'dev-a-container', 'a'),
    step('replace', volumeType, 'dev-a-data', 'a'),
    step('replace', containerType, 'dev-prometheus-container'),
    step('update', containerType, 'dev-b-container', 'b'),
    step('replace', 'pulumi:providers:docker', 'dev-engine'),
  ]);
  expect(differences(changes, [{ node: 'a', kind: 'replace' }])).toEqual([
    'dev-a-data: no change planned, needs replace',
    'dev-prometheus-container: no change planned, needs replace',
    'dev-b-container: no change planned, needs update',
    'dev-engine: no change planned, needs replace',
  ]);
});

test('what is missing beside the nodes may be made along, but nothing that belongs to an unchanged node', () => {
  const changes = changesFrom([
    step('create', 'pulumi:pulumi:Stack', 'seatrial-dev'),
    step('create', 'docker:index/network:Network', 'dev-network'),
    step('create', containerType, 'dev-prometheus-container'),
    step('create', containerType, 'dev-a-container', 'a'),
    step('create', volumeType, 'dev-b-data', 'b'),
  ]);
  expect(differences(changes, [{ node: 'a', kind: 'create' }])).toEqual([
    'dev-b-data: no change planned, needs create',
  ]);
});

test('a container is addressed by the path of its components', () => {
  expect(containerUrn('dev', 'seatrial', 'a')).toBe(
    'urn:pulumi:dev::seatrial::seatrial:docker:Testnet$seatrial:docker:Node$docker:index/container:Container::dev-a-container',
  );
});
