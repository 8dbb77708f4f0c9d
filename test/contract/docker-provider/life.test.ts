import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { extract } from 'tar-stream';
import { type Properties, unknownValue } from '../../../toolchain/plugin/properties.ts';
import { ProviderProcess, type ResourceType } from '../../helpers/toolchain/provider-client.ts';
import { engineHost, removeAll, testEngine, testImages, uniquePrefix } from '../../helpers/toolchain/test-engine.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
const docker = testEngine();
const prefix = uniquePrefix();
const block = `10.222.${process.pid % 200}`;
let image: string;
let provider: ProviderProcess;

beforeAll(async () => {
  [image] = await testImages(docker);
  provider = await ProviderProcess.start(engineHost);
});
afterEach(() => removeAll(docker, prefix));
afterAll(() => provider.stop());

async function create(
  type: ResourceType,
  properties: Properties,
): Promise<{ id: string; inputs: Properties; state: Properties }> {
  const { inputs, failures } = await provider.check(type, { name: prefix, ...properties });
  expect(failures).toEqual([]);
  return { inputs, ...(await provider.create(type, inputs)) };
}

describe('a created container', () => {
  test('has everything that was asked for', async () => {
    const { id } = await create('Container', {
      image,
      command: ['sleep', '5'],
      envs: ['A=1', 'B=two words'],
      labels: [{ label: 'testnet', value: 'local' }],
      capabilities: { adds: ['NET_ADMIN'], drops: ['MKNOD'] },
      securityOpts: ['no-new-privileges'],
      cpus: '0.5',
      cpuShares: 512,
      memory: 64,
      healthcheck: { tests: ['CMD', 'true'], interval: '1m', timeout: '3s', startPeriod: '500ms', retries: 4 },
      hostname: 'here',
      hosts: [{ host: 'there', ip: '127.0.0.9' }],
      init: false,
      logDriver: 'json-file',
      logOpts: { 'max-size': '1m', 'max-file': '2' },
      mounts: [{ target: '/scratch', type: 'tmpfs', tmpfsOptions: { sizeBytes: 65_536, mode: 0o700 } }],
      ports: [{ internal: 80, ip: '127.0.0.1' }],
      readOnly: true,
      restart: 'on-failure',
      maxRetryCount: 3,
      stopSignal: 'SIGINT',
      stopTimeout: 7,
      tmpfs: { '/run': 'rw,size=64k' },
      ulimits: [{ name: 'nofile', soft: 100, hard: 200 }],
      user: '1000',
      volumes: [{ volumeName: `${prefix}-v`, containerPath: '/data', readOnly: true }],
      workingDir: '/data',
    });
    const { Config: config, HostConfig: host, State: state } = await docker.getContainer(id).inspect();
    expect(state.Running).toBe(true);
    expect(config).toMatchObject({
      Cmd: ['sleep', '5'],
      Env: expect.arrayContaining(['A=1', 'B=two words']) as unknown,
      Labels: { testnet: 'local' },
      Hostname: 'here',
      StopSignal: 'SIGINT',
      StopTimeout: 7,
      User: '1000',
      WorkingDir: '/data',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 60e9, Timeout: 3e9, StartPeriod: 5e8, Retries: 4 },
    });
    expect(host).toMatchObject({
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['MKNOD'],
      SecurityOpt: ['no-new-privileges'],
      NanoCpus: 5e8,
      CpuShares: 512,
      Memory: 64 * 1024 * 1024,
      MemorySwap: 128 * 1024 * 1024,
      ExtraHosts: ['there:127.0.0.9'],
      Init: false,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      Mounts: [{ Target: '/scratch', Type: 'tmpfs', TmpfsOptions: { SizeBytes: 65_536, Mode: 0o700 } }],
      ReadonlyRootfs: true,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      Tmpfs: { '/run': 'rw,size=64k' },
      Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }],
      Binds: [`${prefix}-v:/data:ro`],
      PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1' }] },
      NetworkMode: 'bridge',
    });
  });

  test('has its files, with their permissions, before it starts', async () => {
    const uploads = [
      { file: '/etc/node/config.toml', content: 'height = 1\n' },
      { file: '/run.sh', contentBase64: Buffer.from('#!').toString('base64'), executable: true },
      { file: '/etc/secret', content: 'x', permissions: '0600' },
    ];
    const { id } = await create('Container', { image, command: ['sleep'], start: false, uploads });
    const files = await filesOf(id, ['/etc/node/config.toml', '/run.sh', '/etc/secret']);
    expect(files).toEqual({ 'config.toml': ['height = 1\n', '644'], 'run.sh': ['#!', '744'], secret: ['x', '600'] });
    expect((await docker.getContainer(id).inspect()).State.Status).toBe('created');
  });

  test('is on its networks with its addresses and aliases, and not on the default bridge', async () => {
    await create('Network', { name: `${prefix}-a`, ipamConfigs: [{ subnet: `${block}.0/25` }] });
    const other = await create('Network', {
      name: `${prefix}-b`,
      ipamConfigs: [{ subnet: `${block}.128/25` }],
      internal: true,
    });
    const networksAdvanced = [
      { name: `${prefix}-a`, ipv4Address: `${block}.10`, aliases: ['node'] },
      { name: other.id, ipv4Address: `${block}.140` },
    ];
    const { id, state } = await create('Container', { image, command: ['sleep'], networksAdvanced });
    const { Networks } = (await docker.getContainer(id).inspect()).NetworkSettings;
    expect(Object.keys(Networks).sort()).toEqual([`${prefix}-a`, `${prefix}-b`]);
    expect(Networks[`${prefix}-a`]).toMatchObject({
      IPAddress: `${block}.10`,
      Aliases: expect.arrayContaining(['node']) as unknown,
    });
    expect(Networks[`${prefix}-b`]).toMatchObject({ IPAddress: `${block}.140` });
    expect(state['networkDatas']).toMatchObject([{ ipAddress: `${block}.10` }, { ipAddress: `${block}.140` }]);
  });

  test('gets a number for a port that was left open', async () => {
    const { state } = await create('Container', {
      image,
      command: ['sleep'],
      ports: [{ internal: 80, ip: '127.0.0.1' }],
    });
    expect((state['ports'] as Properties[])[0]?.['external']).toBeGreaterThan(1023);
  });
});

describe('reading', () => {
  test('a vanished container, network or volume is an empty answer', async () => {
    for (const type of ['Container', 'Network', 'Volume'] as const) {
      expect(await provider.read(type, `${prefix}-gone`, {})).toEqual({ id: '', state: {}, inputs: {} });
    }
  });

  test('finds what was changed behind our back', async () => {
    const network = await create('Network', { name: `${prefix}-a` });
    const { id, inputs } = await create('Container', {
      image,
      command: ['sleep'],
      memory: 64,
      memorySwap: 128,
      networksAdvanced: [{ name: `${prefix}-a` }],
    });
    await docker.getContainer(id).update({ Memory: 32 * 1024 * 1024, RestartPolicy: { Name: 'always' } });
    await docker.getNetwork(network.id).disconnect({ Container: id });
    const read = await provider.read('Container', id, inputs);
    expect(read.inputs).toEqual({ ...inputs, memory: 32, restart: 'always', networksAdvanced: [] });
  });

  test('a stopped container finds no drift and leaves it alone', async () => {
    const { id, inputs } = await create('Container', { image, command: ['sleep'] });
    await docker.getContainer(id).stop();
    expect((await provider.read('Container', id, inputs)).inputs).toEqual(inputs);
    expect((await docker.getContainer(id).inspect()).State.Status).toBe('exited');
  });
});

describe('deleting', () => {
  test('stops a container with its own signal first', async () => {
    const { id, inputs } = await create('Container', { image, command: ['sleep'], destroyGraceSeconds: 60 });
    const events = await exitCodeDuring(id, () => provider.delete('Container', id, inputs));
    expect(events, 'SIGTERM ends the program with 0, SIGKILL with 137').toBe('0');
  });

  test('kills a container that does not stop within destroyGraceSeconds', async () => {
    const { id, inputs } = await create('Container', { image, command: ['stubborn'], destroyGraceSeconds: 1 });
    expect(await exitCodeDuring(id, () => provider.delete('Container', id, inputs))).toBe('137');
  });

  test('removes a paused container', async () => {
    const { id, inputs } = await create('Container', { image, command: ['sleep'], destroyGraceSeconds: 1 });
    await docker.getContainer(id).pause();
    await provider.delete('Container', id, inputs);
    await expect(docker.getContainer(id).inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  test('waits for a container that removes itself', async () => {
    const { id, inputs } = await create('Container', { image, command: ['sleep'], rm: true });
    await provider.delete('Container', id, inputs);
    await expect(docker.getContainer(id).inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  test.each(['Container', 'Network', 'Volume'] as const)('a %s that has vanished already is done', async (type) => {
    const { id, inputs } = await create(type, type === 'Container' ? { image, command: ['sleep'] } : {});
    await removeAll(docker, prefix);
    await expect(provider.delete(type, id, inputs)).resolves.toBeUndefined();
  });

  test('frees the name, the port and the address at once', async () => {
    await create('Network', { name: `${prefix}-a`, ipamConfigs: [{ subnet: `${block}.0/24` }] });
    const properties = {
      image,
      command: ['sleep'],
      ports: [{ internal: 80, external: 20_000 + (process.pid % 10_000), ip: '127.0.0.1' }],
      networksAdvanced: [{ name: `${prefix}-a`, ipv4Address: `${block}.9` }],
    };
    for (let round = 0; round < 5; round++) {
      const { id, inputs } = await create('Container', properties);
      await provider.delete('Container', id, inputs);
    }
  });

  test('gives up its patience when the user cancels', async () => {
    const impatient = await ProviderProcess.start(engineHost);
    try {
      const { id, inputs } = await create('Container', { image, command: ['stubborn'], destroyGraceSeconds: 600 });
      const deletion = impatient.delete('Container', id, inputs);
      const refused = expect(deletion).rejects.toThrow(/Unable to remove container/);
      await impatient.cancel();
      await refused;
      await docker.getContainer(id).kill();
    } finally {
      await impatient.stop();
    }
  });
});

describe('a preview', () => {
  test('makes nothing, and leaves unknown what only the engine can tell', async () => {
    const { inputs } = await provider.check('Container', {
      name: prefix,
      image,
      networksAdvanced: [{ name: unknownValue }],
    });
    const { id, state } = await provider.create('Container', inputs, true);
    expect(id).toBe('');
    expect(state).toMatchObject({ name: prefix, networkDatas: unknownValue, hostname: unknownValue, restart: 'no' });
    expect(await docker.listContainers({ all: true, filters: { name: [prefix] } })).toEqual([]);
  });

  test('treats an unknown value as a change', async () => {
    const { inputs } = await provider.check('Container', { name: prefix, image, networksAdvanced: [{ name: 'a' }] });
    const changed = await provider.check('Container', {
      name: prefix,
      image,
      networksAdvanced: [{ name: unknownValue }],
    });
    expect(await provider.diff('Container', inputs, changed.inputs)).toMatchObject({
      op: 'replace',
      replaceKeys: ['networksAdvanced'],
    });
  });
});

test('states of networks and volumes have the shape of those of the official provider', async () => {
  const recorded = JSON.parse(readFileSync(new URL('behaviour.json', import.meta.url), 'utf8')) as {
    stateExamples: { type: string; inputs: Properties; outputs: Properties }[];
  };
  expect(recorded.stateExamples).toHaveLength(2);
  for (const example of recorded.stateExamples) {
    const type = example.type.endsWith('Network') ? 'Network' : 'Volume';
    const outputs = without(example.outputs, '__pulumi_raw_state_delta');
    const subnet = `${block}.0/24`;
    const isNetwork = type === 'Network';
    const inputs = without(example.inputs, '__defaults');
    const made = await create(type, { ...inputs, name: prefix, ...(isNetwork ? { ipamConfigs: [{ subnet }] } : {}) });
    const expected = { ...outputs, name: prefix, id: made.id };
    expect(made.state).toEqual(
      isNetwork
        ? { ...expected, ipamConfigs: [{ auxAddress: null, gateway: '', ipRange: '', subnet }] }
        : { ...expected, mountpoint: expect.stringContaining(`/${prefix}/`) as string },
    );
  }
});

test('the process ends when the engine that started it dies', async () => {
  const orphan = await ProviderProcess.start(engineHost);
  await orphan.stop();
  expect(orphan.process.exitCode ?? orphan.process.signalCode).not.toBeNull();
});

function without(properties: Properties, name: string): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([property]) => property !== name));
}

/** The exit code that Docker's event log has for a container that `work` stops. */
async function exitCodeDuring(id: string, work: () => Promise<void>): Promise<string | undefined> {
  const since = Math.floor(Date.now() / 1000) - 1;
  await work();
  const until = Math.ceil(Date.now() / 1000) + 1;
  const stream = await docker.getEvents({ since, until, filters: { container: [id], event: ['die'] } });
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  const [event] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { Actor: { Attributes: Record<string, string> } });
  return event?.Actor.Attributes['exitCode'];
}

async function filesOf(id: string, paths: string[]): Promise<Record<string, [string, string]>> {
  const found: Record<string, [string, string]> = {};
  for (const path of paths) {
    const archive = extract();
    (await docker.getContainer(id).getArchive({ path })).pipe(archive);
    for await (const entry of archive) {
      let content = '';
      for await (const chunk of entry) content += String(chunk);
      found[entry.header.name] = [content, ((entry.header.mode ?? 0) & 0o777).toString(8)];
    }
  }
  return found;
}
