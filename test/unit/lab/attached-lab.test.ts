import { expect, test } from 'vitest';
import { createAttachedLab, type ForeignAnswer } from '../../../src/lab/attached/attached-lab.ts';
import { attachedTopology } from '../../../src/topology/attached.ts';
import { expandNodes } from '../../../src/spec/nodes.ts';
import { loadText, plainProfile } from '../../helpers/spec-text.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

async function labOf(answer: () => ForeignAnswer) {
  const loaded = await loadText(
    'system: chain\nlab: attached\nversion: 1.0.0\nnodes: { validator: 1 }\nattach: { validator-0: { http: "http://a:81/" } }\n',
  );
  const topology = attachedTopology({
    loaded,
    profile: plainProfile,
    nodes: expandNodes(loaded, plainProfile),
    wanted: { versions: {} },
    stateDir: await temporaryFolder(),
    loadPerSecond: 0,
  });
  const [node] = topology.nodes;
  if (!node) throw new Error('there is a node');
  const ask = (): Promise<ForeignAnswer> => Promise.resolve().then(answer);
  return { node, lab: createAttachedLab({ topology, ask }) };
}

const says = (version?: string): ForeignAnswer => ({
  isThere: true,
  toldStatus: true,
  ...(version !== undefined && { version }),
  startedAtMs: 5000,
});

test('a node is what it claims to be, and started when its metrics say', async () => {
  const { node, lab } = await labOf(() => says('1.1.0'));
  expect((await lab.observe(node)).identity).toMatchObject({
    digest: 'claimed:1.1.0',
    generation: node.generation,
    startedAtMs: 5000,
    instance: 'started:5000',
  });
  expect(node.release.digest).toBe('claimed:1.0.0');
  expect(lab.endpoint(node, 'http')).toBe('http://a:81');
});

test.each([
  ['nobody listens', { isThere: false, toldStatus: false }, 'stopped', 'nothing listens at http://a:81'],
  ['somebody answers without a status', { isThere: true, toldStatus: false }, 'running', 'tells no status'],
])('%s: that is said, and no identity is made up', async (_what, answer, state, detail) => {
  const { node, lab } = await labOf(() => answer);
  const seen = await lab.observe(node);
  expect(seen).toMatchObject({ state, detail: expect.stringContaining(detail) as string });
  expect(seen).not.toHaveProperty('identity');
});

test('a node of which nobody knows whether it is there is no stopped one', async () => {
  const { node, lab } = await labOf(() => {
    throw new Error('no answer within 2000 ms');
  });
  await expect(lab.observe(node)).rejects.toThrow('validator-0 could not be asked: no answer within 2000 ms');
});

test('whatever would touch a node is refused and names it', async () => {
  const { node, lab } = await labOf(() => says());
  const calls = [
    lab.start(node),
    lab.stop(node),
    lab.signal(node, 'SIGKILL'),
    lab.exec(node, ['true']),
    lab.wipe(node),
    lab.snapshot(node, 'x', { system: 'chain' }),
    lab.restore(node, 'x', { system: 'chain' }),
    lab.logs(node),
  ];
  const ends = await Promise.allSettled(calls);
  expect(ends.length).toBe(8);
  for (const end of ends) {
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'unsupported' } });
    expect(String((end as PromiseRejectedResult).reason)).toMatch(/validator-0: it is attached, others started it/);
  }
});
