import { describe, expect, test } from 'vitest';
import { check, type Naming } from '../../../toolchain/docker-provider/check.ts';
import { containerSchema } from '../../../toolchain/docker-provider/schema/container.ts';
import { networkSchema } from '../../../toolchain/docker-provider/schema/network.ts';
import { volumeSchema } from '../../../toolchain/docker-provider/schema/volume.ts';
import { unknownValue } from '../../../toolchain/plugin/properties.ts';

const naming: Naming = { resourceName: 'node', olds: {}, randomSeed: new Uint8Array([1, 2, 3]) };

describe('defaults', () => {
  test('are filled in and named at every depth', () => {
    const { inputs, failures } = check(
      containerSchema,
      { name: 'n', image: 'i', ports: [{ internal: 80 }], healthcheck: { tests: ['CMD', 'true'] } },
      naming,
    );
    expect(failures).toEqual([]);
    expect(inputs['ports']).toEqual([{ internal: 80, ip: '0.0.0.0', protocol: 'tcp', __defaults: ['ip', 'protocol'] }]);
    expect(inputs['healthcheck']).toMatchObject({
      interval: '0s',
      retries: 0,
      __defaults: ['interval', 'retries', 'startInterval', 'startPeriod', 'timeout'],
    });
    expect(inputs['__defaults']).toEqual([
      ...['attach', 'containerReadRefreshTimeoutMilliseconds', 'logs', 'memoryReservation', 'mustRun', 'networkMode'],
      ...['readOnly', 'removeVolumes', 'restart', 'rm', 'start', 'stdinOpen', 'tty', 'wait', 'waitTimeout'],
    ]);
    expect(inputs).toMatchObject({ restart: 'no', networkMode: 'bridge', waitTimeout: 60, mustRun: true });
  });

  test('of a network are those that the official provider records', () => {
    expect(check(networkSchema, { name: 'n' }, naming).inputs).toEqual({
      name: 'n',
      ipamDriver: 'default',
      __defaults: ['ipamDriver'],
    });
  });

  test('give way to what the program says, null excepted', () => {
    const { inputs } = check(containerSchema, { name: 'n', image: 'i', restart: 'always', wait: null }, naming);
    expect(inputs).toMatchObject({ restart: 'always', wait: false });
    expect(inputs['__defaults']).not.toContain('restart');
  });
});

describe('a name that the program leaves open', () => {
  test('is made of the resource name and the seed, and noted as a default', () => {
    const { inputs } = check(volumeSchema, {}, naming);
    expect(inputs['name']).toMatch(/^node-[0-9a-f]{7}$/);
    expect(inputs['__defaults']).toEqual(['name']);
    expect(check(volumeSchema, {}, naming).inputs).toEqual(inputs);
    expect(check(volumeSchema, {}, { ...naming, randomSeed: new Uint8Array([4]) }).inputs['name']).not.toBe(
      inputs['name'],
    );
  });

  test('stays what it was', () => {
    const olds = { name: 'node-1234567', __defaults: ['name'] };
    expect(check(volumeSchema, {}, { ...naming, olds }).inputs['name']).toBe('node-1234567');
  });

  test('is a new one where the old one was given', () => {
    const olds = { name: 'given', __defaults: [] };
    expect(check(volumeSchema, {}, { ...naming, olds }).inputs['name']).toMatch(/^node-/);
  });
});

describe('refused by name is', () => {
  const base = { name: 'n', image: 'i' };

  test.each([
    [
      'what only the official provider has',
      { privileged: true },
      'privileged',
      'not supported by the offline docker provider',
    ],
    ['what no provider has', { imagee: 'x' }, 'imagee', 'Container has no property "imagee"'],
    ['a nested property', { ports: [{ internal: 1, name: 'x' }] }, 'ports[0].name', 'is not known to'],
    ['any other value of a fixed property', { tty: true }, 'tty', 'can only be false'],
    ['a name that every object inherits', { constructor: 'x' }, 'constructor', 'has no property "constructor"'],
    ['a missing nested property', { labels: [{ label: 'a' }] }, 'labels[0].value', 'is required'],
    ['text for a number', { memory: '64' }, 'memory', 'must be a whole number'],
    ['a fraction', { memory: 1.5 }, 'memory', 'must be a whole number'],
    ['a number for text', { hostname: 5 }, 'hostname', 'must be a string'],
    ['text for yes or no', { init: 'yes' }, 'init', 'must be true or false'],
    ['one thing for a list', { command: 'sleep' }, 'command', 'must be a list'],
    ['a list for an object', { healthcheck: [] }, 'healthcheck', 'must be an object'],
    ['a map with numbers', { logOpts: { a: 1 } }, 'logOpts', 'must be an object with strings'],
    [
      'a duration without a unit',
      { healthcheck: { tests: [], interval: '5' } },
      'healthcheck.interval',
      'must be a duration',
    ],
  ])('%s', (_what, extra, property, reason) => {
    expect(check(containerSchema, { ...base, ...extra }, naming).failures).toEqual([
      { property, reason: expect.stringContaining(reason) as string },
    ]);
  });

  test('a missing image', () => {
    expect(check(containerSchema, { name: 'n' }, naming).failures).toEqual([
      { property: 'image', reason: 'is required' },
    ]);
  });
});

test('values that are not known yet pass at every depth', () => {
  const news = {
    name: unknownValue,
    image: unknownValue,
    memory: unknownValue,
    tty: unknownValue,
    envs: ['A=1', unknownValue],
  };
  const { inputs, failures } = check(containerSchema, { ...news, networksAdvanced: [{ name: unknownValue }] }, naming);
  expect(failures).toEqual([]);
  expect(inputs).toMatchObject(news);
});
