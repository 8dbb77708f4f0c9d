import { expect, test } from 'vitest';
import { createOptions, updatableOptions } from '../../../toolchain/docker-provider/container/create-options.ts';
import type { ContainerInputs } from '../../../toolchain/docker-provider/container/inputs.ts';

const base: ContainerInputs = {
  name: 'n',
  image: 'sha256:1',
  networkMode: 'bridge',
  readOnly: false,
  removeVolumes: true,
  restart: 'no',
  rm: false,
  start: true,
  wait: false,
  waitTimeout: 60,
};

test('what the program leaves open is left to the image and the engine', () => {
  const { HostConfig: host, ...config } = createOptions(base);
  expect(Object.keys(config).sort()).toEqual(['ExposedPorts', 'Image', 'Labels', 'Volumes', 'name']);
  expect(Object.keys(host ?? {}).sort()).toEqual([
    ...['AutoRemove', 'Binds', 'NetworkMode', 'PortBindings', 'ReadonlyRootfs', 'RestartPolicy'],
  ]);
});

test('one port can be bound to several addresses', () => {
  const ports = ['127.0.0.1', '::1'].map((ip) => ({ internal: 80, external: 8080, ip, protocol: 'tcp' }));
  expect(createOptions({ ...base, ports }).HostConfig?.PortBindings).toEqual({
    '80/tcp': [
      { HostIp: '127.0.0.1', HostPort: '8080' },
      { HostIp: '::1', HostPort: '8080' },
    ],
  });
});

test('swap is twice the memory unless the program says otherwise', () => {
  const mib = 1024 * 1024;
  expect(updatableOptions({ ...base, memory: 64 })).toMatchObject({ Memory: 64 * mib, MemorySwap: 128 * mib });
  expect(updatableOptions({ ...base, memory: 64, memorySwap: -1 })).toMatchObject({ MemorySwap: -1 });
  expect(updatableOptions({ ...base, memory: 64, memorySwap: 64 })).toMatchObject({ MemorySwap: 64 * mib });
  expect(updatableOptions(base)).toEqual({ RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } });
});

test('a volume without a source is anonymous, others are bound', () => {
  const volumes = [
    { containerPath: '/a' },
    { containerPath: '/b', volumeName: 'v' },
    { containerPath: '/c', hostPath: '/host', readOnly: true },
  ];
  const options = createOptions({ ...base, volumes });
  expect(options.Volumes).toEqual({ '/a': {} });
  expect(options.HostConfig?.Binds).toEqual(['v:/b:rw', '/host:/c:ro']);
});
