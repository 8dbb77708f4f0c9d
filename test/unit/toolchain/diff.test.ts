import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diff } from '../../../toolchain/docker-provider/diff.ts';
import { containerSchema } from '../../../toolchain/docker-provider/schema/container.ts';
import { networkSchema } from '../../../toolchain/docker-provider/schema/network.ts';
import { volumeSchema } from '../../../toolchain/docker-provider/schema/volume.ts';
import type { Properties } from '../../../toolchain/plugin/properties.ts';

const base: Properties = { name: 'n', image: 'sha256:1' };

function changed(olds: Properties, news: Properties): string[] {
  return [...diff(containerSchema, { ...base, ...olds }, { ...base, ...news }).changes.keys()];
}

describe('equal are', () => {
  test('sets in any order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 1 }), fc.nat(), (envs, turn) => {
        const at = turn % envs.length;
        expect(changed({ envs }, { envs: [...envs.slice(at), ...envs.slice(0, at)] })).toEqual([]);
      }),
    );
  });

  test.each([
    [
      'ports in any order',
      { ports: [{ internal: 1 }, { internal: 2 }] },
      { ports: [{ internal: 2 }, { internal: 1 }] },
    ],
    [
      'a default and nothing',
      { ports: [{ internal: 1, ip: '0.0.0.0', protocol: 'tcp' }] },
      { ports: [{ internal: 1 }] },
    ],
    ['an empty list and nothing', { envs: [] }, {}],
    ['an empty map and nothing', {}, { logOpts: {} }],
    ['an empty text and nothing', { user: '' }, {}],
    ['null and nothing', { user: null }, {}],
    ['an object with nothing in it and nothing', { capabilities: { adds: [] } }, {}],
    ['durations of one length', healthEvery('1m30s'), healthEvery('90s')],
    [
      'capabilities with and without prefix',
      { capabilities: { adds: ['CAP_NET_ADMIN'] } },
      { capabilities: { adds: ['net_admin'] } },
    ],
    ['keys of a map in any order', { logOpts: { a: '1', b: '2' } }, { logOpts: { b: '2', a: '1' } }],
    ['inputs with and without the names of defaults', { __defaults: ['restart'], restart: 'no' }, {}],
  ])('%s', (_what, olds, news) => {
    expect(changed(olds, news)).toEqual([]);
    expect(changed(news, olds)).toEqual([]);
  });
});

test('lists in another order differ', () => {
  expect(changed({ command: ['a', 'b'] }, { command: ['b', 'a'] })).toEqual(['command']);
});

test('false differs from nothing where the engine has a default of its own', () => {
  expect(changed({}, { init: false })).toEqual(['init']);
});

test('a change tells whether it adds, removes or updates, and whether it replaces', () => {
  const { changes } = diff(
    containerSchema,
    { ...base, user: '1', memory: 1, cpuShares: 1 },
    { ...base, hostname: 'h', memory: 2, cpuShares: 1 },
  );
  expect(Object.fromEntries(changes)).toEqual({
    user: { kind: 'delete', isReplacing: true },
    hostname: { kind: 'add', isReplacing: true },
    memory: { kind: 'update', isReplacing: false },
  });
});

describe('the old one goes first', () => {
  const generated = { __defaults: ['name'] };

  test('when both would have one name', () => {
    expect(diff(volumeSchema, { name: 'v' }, { name: 'v', driver: 'x' }).deleteBeforeReplace).toBe(true);
  });

  test('when both would have one port, address or subnet, whatever their names', () => {
    const container = { ...base, ...generated };
    const port = { ...container, ports: [{ internal: 1, external: 2 }] };
    const address = { ...container, networksAdvanced: [{ name: 'n', ipv4Address: '10.0.0.2' }] };
    expect(diff(containerSchema, container, port).deleteBeforeReplace).toBe(true);
    expect(diff(containerSchema, container, address).deleteBeforeReplace).toBe(true);
    const network = { name: 'n', ...generated, ipamConfigs: [{ subnet: '10.0.0.0/24' }] };
    expect(diff(networkSchema, network, { ...network, internal: true }).deleteBeforeReplace).toBe(true);
  });

  test('not when nothing is shared', () => {
    expect(
      diff(containerSchema, { ...base, ...generated }, { ...base, ...generated, user: '1' }).deleteBeforeReplace,
    ).toBe(false);
  });

  test('not when nothing is replaced', () => {
    expect(diff(containerSchema, base, { ...base, memory: 5 }).deleteBeforeReplace).toBe(false);
  });
});

function healthEvery(interval: string): Properties {
  return { healthcheck: { tests: ['CMD', 'true'], interval } };
}
