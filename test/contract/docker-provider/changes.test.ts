import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Properties, PropertyValue } from '../../../toolchain/plugin/properties.ts';
import { ProviderProcess, type ResourceType } from '../../helpers/toolchain/provider-client.ts';
import { engineHost, removeAll, testEngine, testImages, uniquePrefix } from '../../helpers/toolchain/test-engine.ts';
import { deviations } from './deviations.ts';
import { freePort } from '../../helpers/free-port.ts';

interface Behaviour {
  base: Properties;
  changes: Record<string, { change: Properties; op: string; replaceKeys: string[] | null }>;
}

/** What was seen of the official provider. */
const behaviour = JSON.parse(readFileSync(new URL('behaviour.json', import.meta.url), 'utf8')) as Record<
  string,
  Behaviour
>;
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
const docker = testEngine();
const prefix = uniquePrefix();
/** What the recorded names, images and ports become, so that tests disturb nobody. */
const local = new Map<PropertyValue, PropertyValue>();
let provider: ProviderProcess;

beforeAll(async () => {
  const [first, second] = await testImages(docker);
  const octet = 16 + Math.floor(process.pid % 200);
  local
    .set('st-base:1', first)
    .set('st-base:2', second)
    .set(18080, await freePort())
    .set(18081, await freePort());
  local.set('10.77.0.0/24', `10.219.${octet}.0/24`).set('10.78.0.0/24', `10.220.${octet}.0/24`);
  for (const name of ['ops-c', 'ops-d', 'opsv', 'opsv2', 'opsnet', 'opsnet2', 'opsvol', 'opsvol2'])
    local.set(name, `${prefix}-${name}`);
  provider = await ProviderProcess.start(engineHost);
});
afterEach(() => removeAll(docker, prefix));
afterAll(() => provider.stop());

describe.each([
  ['container', 'Container'],
  ['network', 'Network'],
  ['volume', 'Volume'],
] as [string, ResourceType][])('a changed %s', (name, type) => {
  const { base, changes } = behaviour[name] as Behaviour;

  test.each(Object.entries(changes))(
    '%s is treated like the official provider does, or as its deviation says',
    async (title, expected) => {
      const deviation = deviations[title];
      const { inputs: olds, failures } = await provider.check(type, localised(base));
      expect(failures).toEqual([]);
      const changed = await provider.check(type, localised({ ...base, ...expected.change }), olds);
      if (deviation?.op === 'refused') {
        expect(changed.failures).toEqual([expect.stringContaining('is not supported by the offline docker provider')]);
        return;
      }
      expect(changed.failures).toEqual([]);
      const diff = await provider.diff(type, olds, changed.inputs);
      expect({ op: diff.op, replaceKeys: diff.replaceKeys }).toEqual({
        op: deviation?.op ?? expected.op,
        replaceKeys: deviation ? deviation.replaceKeys : expected.replaceKeys,
      });
      expect(diff.deleteBeforeReplace).toBe(diff.op === 'replace');

      const created = await provider.create(type, olds);
      const after = await apply(type, diff.op, created.id, olds, changed.inputs);
      const { inputs: read, state } = await provider.read(type, after.id, changed.inputs);
      expect(state).toEqual(after.state);
      expect(
        (await provider.diff(type, read, changed.inputs)).op,
        'what was made differs from what was asked for',
      ).toBe('same');
      for (const [property, value] of Object.entries(changed.inputs)) {
        if (property !== '__defaults') expect(bare(state[property] ?? null), property).toEqual(bare(value));
      }
      await provider.delete(type, after.id, changed.inputs);
      expect((await provider.read(type, after.id, changed.inputs)).id).toBe('');
    },
  );
});

test('every deviation belongs to a recorded change', () => {
  const recorded = Object.values(behaviour).flatMap((kind) => Object.keys(kind.changes ?? {}));
  expect(recorded.length).toBeGreaterThan(30);
  expect(Object.keys(deviations).filter((title) => !recorded.includes(title))).toEqual([]);
});

async function apply(
  type: ResourceType,
  op: string,
  id: string,
  olds: Properties,
  news: Properties,
): Promise<{ id: string; state: Properties }> {
  if (op === 'update') return { id, state: await provider.update(type, id, olds, news) };
  if (op === 'same') return { id, state: (await provider.read(type, id, news)).state };
  await provider.delete(type, id, olds);
  return provider.create(type, news);
}

function localised<T extends PropertyValue>(value: T): T {
  if (local.has(value)) return local.get(value) as T;
  if (Array.isArray(value)) return value.map(localised) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, localised(item)])) as T;
}

/** Without what only inputs, or only states, have: names of defaults, and fields that stand for "not given". */
function bare(value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([name, field]) => name !== '__defaults' && field !== null && field !== '',
  );
  return Object.fromEntries(entries.map(([name, field]) => [name, bare(field)]));
}
