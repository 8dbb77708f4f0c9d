import { expect, test } from 'vitest';
import { expandText, loadText, soundSpec } from '../../helpers/spec-text.ts';

test('nodes are named after their role and numbered from 0, roles in the order of the file', async () => {
  const nodes = await expandText(soundSpec.replace('{ validator: 4 }', '{ follower: 1, validator: 2 }'));
  expect(nodes.map(({ name, role, index }) => [name, role, index])).toEqual([
    ['follower-0', 'follower', 0],
    ['validator-0', 'validator', 1],
    ['validator-1', 'validator', 2],
  ]);
});

test('a role without a count has as many nodes as its profile says', async () => {
  const nodes = await expandText(soundSpec.replace('{ validator: 4 }', '{ validator: { version: 1.1.0 } }'));
  expect(nodes.map(({ version }) => version)).toEqual(['1.1.0', '1.1.0', '1.1.0', '1.1.0']);
});

test('an override stands above its role, and its role above the testnet; flags and env are joined key by key', async () => {
  const nodes = await expandText(
    `${soundSpec.replace('{ validator: 4 }', '')}  validator:
    count: 3
    version: 1.1.0
    flags: { fast: true, level: 1 }
    env: { A: role, B: role }
overrides:
  validator-1: { version: 1.0.0, flags: { level: 2 }, env: { B: node } }
`,
  );
  expect(nodes.map(({ version, flags, env }) => ({ version, flags, env }))).toEqual([
    { version: '1.1.0', flags: { fast: true, level: 1 }, env: { A: 'role', B: 'role' } },
    { version: '1.0.0', flags: { fast: true, level: 2 }, env: { A: 'role', B: 'node' } },
    { version: '1.1.0', flags: { fast: true, level: 1 }, env: { A: 'role', B: 'role' } },
  ]);
});

test('one anchor may describe several nodes without their settings being shared', async () => {
  const nodes = await expandText(
    `${soundSpec}overrides:
  validator-0: &special { flags: { fast: true } }
  validator-1: *special
`,
  );
  expect(nodes.map(({ flags }) => flags)).toEqual([{ fast: true }, { fast: true }, {}, {}]);
  expect(nodes[0]?.flags).not.toBe(nodes[1]?.flags);
});

test('what is left out has its default', async () => {
  const { spec } = await loadText(soundSpec);
  expect(spec).toMatchObject({ gate: 'standard', availability: 'keep', monitoring: false, bind: '127.0.0.1' });
});

test('the hash is of the text: a comment changes it, reading it again does not', async () => {
  const first = await loadText(soundSpec);
  expect((await loadText(soundSpec)).hash).toBe(first.hash);
  expect((await loadText(`${soundSpec}# new\n`)).hash).not.toBe(first.hash);
});
