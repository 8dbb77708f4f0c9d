import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { engineHost, checkConfig } from '../../../toolchain/docker-provider/config.ts';
import { toolchainEnvironment } from '../../../toolchain/environment.ts';
import { isNewEnough } from '../../../toolchain/setup/find-on-path.ts';

const root = '/projects/net one';
const bin = '/projects/net one/.seatrial/toolchain/bin';

describe('the environment of a project', () => {
  test('has the toolchain and this Node first on PATH, once', () => {
    const first = toolchainEnvironment({ root }, { PATH: '/usr/bin:/bin' });
    expect(first['PATH']).toBe(`${bin}:${dirname(process.execPath)}:/usr/bin:/bin`);
    expect(toolchainEnvironment({ root }, first)['PATH']).toBe(first['PATH']);
  });

  test('has a backend and an empty passphrase where the user has set none', () => {
    expect(toolchainEnvironment({ root }, {})).toMatchObject({
      PULUMI_HOME: '/projects/net one/.seatrial/toolchain/pulumi-home',
      PULUMI_BACKEND_URL: 'file:///projects/net%20one/.seatrial/pulumi-state',
      PULUMI_CONFIG_PASSPHRASE: '',
      PULUMI_SKIP_UPDATE_CHECK: '1',
    });
  });

  test.each([
    [{ PULUMI_BACKEND_URL: 's3://bucket' }, 'PULUMI_BACKEND_URL'],
    [{ PULUMI_ACCESS_TOKEN: 'x' }, 'PULUMI_BACKEND_URL'],
    [{ PULUMI_CONFIG_PASSPHRASE: 'secret' }, 'PULUMI_CONFIG_PASSPHRASE'],
    [{ PULUMI_CONFIG_PASSPHRASE_FILE: '/file' }, 'PULUMI_CONFIG_PASSPHRASE'],
  ])('leaves alone what %o decides', (environment, name) => {
    expect(toolchainEnvironment({ root }, environment)).not.toHaveProperty(name);
  });
});

test.each([
  ['3.245.0', true],
  ['3.250.1', true],
  ['3.300.0', true],
  ['3.244.9', false],
  ['2.999.0', false],
  ['4.0.0', false],
])('a Pulumi %s is new enough: %s', (version, expected) => {
  expect(isNewEnough(version, '3.245.0')).toBe(expected);
});

describe("the provider's engine", () => {
  test('is the configured one, then DOCKER_HOST, then the usual socket', () => {
    expect(engineHost('unix:///a', { DOCKER_HOST: 'unix:///b' })).toBe('unix:///a');
    expect(engineHost(undefined, { DOCKER_HOST: 'unix:///b' })).toBe('unix:///b');
    expect(engineHost('', {})).toBe('unix:///var/run/docker.sock');
  });

  test.each(['tcp://10.0.0.1:2375', 'ssh://host', '/var/run/docker.sock', 'unix://'])('cannot be %s', (host) => {
    expect(() => engineHost(host, {})).toThrow(`not through ${host}`);
  });

  test('is the only thing that can be configured', () => {
    expect(checkConfig({ host: 'unix:///a', version: '5.2.0' })).toEqual([]);
    expect(checkConfig({ host: 1, certPath: '/x' })).toEqual([
      { property: 'host', reason: 'must be a string' },
      { property: 'certPath', reason: 'is not supported by the offline docker provider' },
    ]);
  });
});
