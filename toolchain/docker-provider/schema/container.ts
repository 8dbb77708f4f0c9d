import { bool, duration, int, labels, listOf, map, objectOf, type ResourceSchema, setOf, text } from './shape.ts';

const ports = setOf(
  objectOf({
    internal: { shape: int, isRequired: true },
    external: { shape: int },
    ip: { shape: text, default: '0.0.0.0' },
    protocol: { shape: text, default: 'tcp' },
  }),
);

const networks = setOf(
  objectOf({
    name: { shape: text, isRequired: true },
    ipv4Address: { shape: text },
    aliases: { shape: setOf(text) },
  }),
);

const volumes = setOf(
  objectOf({
    containerPath: { shape: text },
    volumeName: { shape: text },
    hostPath: { shape: text },
    readOnly: { shape: bool },
  }),
);

const mounts = setOf(
  objectOf({
    target: { shape: text, isRequired: true },
    type: { shape: text, isRequired: true },
    source: { shape: text },
    readOnly: { shape: bool },
    bindOptions: { shape: objectOf({ propagation: { shape: text } }) },
    tmpfsOptions: { shape: objectOf({ mode: { shape: int }, sizeBytes: { shape: int } }) },
    volumeOptions: {
      shape: objectOf({
        noCopy: { shape: bool },
        labels: { shape: labels },
        driverName: { shape: text },
        driverOptions: { shape: map },
      }),
    },
  }),
);

const uploads = setOf(
  objectOf({
    file: { shape: text, isRequired: true },
    content: { shape: text },
    contentBase64: { shape: text },
    executable: { shape: bool, default: false },
    permissions: { shape: text },
  }),
);

const healthcheck = objectOf({
  tests: { shape: listOf(text), isRequired: true },
  interval: { shape: duration, default: '0s' },
  timeout: { shape: duration, default: '0s' },
  startPeriod: { shape: duration, default: '0s' },
  startInterval: { shape: duration, default: '0s', isFixed: true },
  retries: { shape: int, default: 0 },
});

const capability = { kind: 'capability' } as const;

/** The part of the official provider's Container that the offline provider has. */
export const containerSchema: ResourceSchema = {
  token: 'docker:index/container:Container',
  isExclusive: (inputs) => isGiven(inputs['ports']) || hasAddress(inputs['networksAdvanced']),
  properties: {
    name: { shape: text },
    image: { shape: text, isRequired: true },
    attach: { shape: bool, default: false, isFixed: true },
    capabilities: { shape: objectOf({ adds: { shape: setOf(capability) }, drops: { shape: setOf(capability) } }) },
    command: { shape: listOf(text), isComputed: true },
    containerReadRefreshTimeoutMilliseconds: { shape: int, default: 15_000, isFixed: true },
    cpuShares: { shape: int, canUpdate: true },
    cpus: { shape: text },
    destroyGraceSeconds: { shape: int, canUpdate: true },
    entrypoints: { shape: listOf(text), isComputed: true },
    envs: { shape: setOf(text), isComputed: true },
    healthcheck: { shape: healthcheck, isComputed: true },
    hostname: { shape: text, isComputed: true },
    hosts: {
      shape: setOf(objectOf({ host: { shape: text, isRequired: true }, ip: { shape: text, isRequired: true } })),
    },
    init: { shape: bool, isComputed: true },
    labels: { shape: labels, isComputed: true },
    logDriver: { shape: text, isComputed: true },
    logOpts: { shape: map },
    logs: { shape: bool, default: false, isFixed: true },
    maxRetryCount: { shape: int, canUpdate: true },
    memory: { shape: int, canUpdate: true },
    memoryReservation: { shape: int, default: 0, isFixed: true },
    memorySwap: { shape: int, canUpdate: true },
    mounts: { shape: mounts },
    mustRun: { shape: bool, default: true },
    networkMode: { shape: text, default: 'bridge' },
    networksAdvanced: { shape: networks },
    ports: { shape: ports },
    readOnly: { shape: bool, default: false },
    removeVolumes: { shape: bool, default: true, canUpdate: true },
    restart: { shape: text, default: 'no', canUpdate: true },
    rm: { shape: bool, default: false },
    securityOpts: { shape: setOf(text), isComputed: true },
    start: { shape: bool, default: true },
    stdinOpen: { shape: bool, default: false, isFixed: true },
    stopSignal: { shape: text, isComputed: true },
    stopTimeout: { shape: int, isComputed: true },
    tmpfs: { shape: map },
    tty: { shape: bool, default: false, isFixed: true },
    ulimits: {
      shape: setOf(
        objectOf({
          name: { shape: text, isRequired: true },
          soft: { shape: int, isRequired: true },
          hard: { shape: int, isRequired: true },
        }),
      ),
    },
    uploads: { shape: uploads },
    user: { shape: text },
    volumes: { shape: volumes },
    wait: { shape: bool, default: false },
    waitTimeout: { shape: int, default: 60, canUpdate: true },
    workingDir: { shape: text },
  },
  unsupported: [
    ...['cgroupParent', 'cgroupnsMode', 'cpuPeriod', 'cpuQuota', 'cpuSet', 'deviceReadBps', 'deviceReadIops'],
    ...[
      'deviceRequests',
      'deviceWriteBps',
      'deviceWriteIops',
      'devices',
      'dns',
      'dnsOpts',
      'dnsSearches',
      'domainname',
    ],
    ...['gpus', 'groupAdds', 'ipcMode', 'pidMode', 'platform', 'privileged', 'publishAllPorts', 'runtime', 'shmSize'],
    ...['storageOpts', 'sysctls', 'usernsMode'],
  ],
};

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

function hasAddress(networksAdvanced: unknown): boolean {
  return JSON.stringify(networksAdvanced ?? null).includes('"ipv4Address"');
}
