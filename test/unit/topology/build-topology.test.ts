import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/core/canonical.ts';
import { expandNodes } from '../../../src/spec/nodes.ts';
import type { SystemProfile } from '../../../src/spec/profile.ts';
import { buildTopology, type TopologyInputs } from '../../../src/topology/build-topology.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { loadText, plainProfile, soundSpec } from '../../helpers/spec-text.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

interface Variation {
  text?: string;
  profile?: Partial<SystemProfile>;
  inputs?: Partial<TopologyInputs>;
}

async function inputsOf({ text = soundSpec, profile: given, inputs }: Variation = {}): Promise<TopologyInputs> {
  const profile = { ...plainProfile, ...given };
  const loaded = await loadText(text);
  const nodes = expandNodes(loaded, profile);
  const ports = nodes.flatMap(({ name }, index) => [
    [`${name}/http`, 21_000 + 2 * index],
    [`${name}/p2p`, 21_001 + 2 * index],
  ]);
  return {
    loaded,
    profile,
    nodes,
    allocation: {
      ports: Object.fromEntries(ports) as Record<string, number>,
      hosts: Object.fromEntries(nodes.map(({ name }, index) => [name, 10 + index])),
      subnet: '10.214.0.0/24',
      publicKeys: Object.fromEntries(nodes.map(({ name }) => [name, `key of ${name}`])),
    },
    wanted: { versions: {} },
    releases: {
      '1.0.0': { version: '1.0.0', kind: 'program', digest: digest('a'), programPath: '/store/a.mjs' },
      '1.1.0': { version: '1.1.0', kind: 'program', digest: digest('b'), programPath: '/store/b.mjs' },
    },
    secretFiles: Object.fromEntries(nodes.map(({ name }) => [name, ['key.pem']])),
    stateDir: '/state/net',
    nodeProgram: '/bin/node',
    ...inputs,
  };
}

const build = async (variation?: Variation): Promise<Topology> => buildTopology(await inputsOf(variation));
const generations = (topology: Topology): string[] => topology.nodes.map(({ generation }) => generation);

describe('a topology', () => {
  test('is the same byte for byte when it is built again', async () => {
    const [first, second] = [await build(), await build()];
    expect(first.nodes).toHaveLength(4);
    expect(canonicalJson(second)).toBe(canonicalJson(first));
  });

  test('on the process lab has host paths, host ports and the interpreter’s absolute path', async () => {
    const { nodes } = await build();
    expect(nodes[1]).toMatchObject({
      command: ['/bin/node', '/store/a.mjs', '--id', 'validator-1', '--http', '127.0.0.1:21002'],
      dataDir: '/state/net/nodes/validator-1/data',
      address: '127.0.0.1',
      ports: [
        { name: 'http', containerPort: 21_002, hostPort: 21_002 },
        { name: 'p2p', containerPort: 21_003, hostPort: 21_003 },
      ],
      secretFiles: { '/state/net/nodes/validator-1/secrets/key.pem': '/state/net/secrets/validator-1/key.pem' },
    });
  });

  test('on a container lab has paths, ports and addresses of the container, and a network', async () => {
    const { nodes, network } = await build({
      text: soundSpec.replace('process', 'docker'),
      profile: { containerHealthcheck: (node) => ['check', node.name] },
    });
    expect(network).toEqual({ name: 'net-net', subnet: '10.214.0.0/24', gateway: '10.214.0.1' });
    expect(nodes[1]).toMatchObject({
      command: ['--id', 'validator-1', '--http', '0.0.0.0:8080'],
      dataDir: '/data',
      address: '10.214.0.11',
      healthcheck: ['check', 'validator-1'],
      ports: [
        { name: 'http', containerPort: 8080, hostPort: 21_002 },
        { name: 'p2p', containerPort: 9000, hostPort: 21_003 },
      ],
      secretFiles: { '/secrets/key.pem': '/state/net/secrets/validator-1/key.pem' },
    });
  });

  test('runs on each node the version that is desired, and what the file says where none is', async () => {
    const inputs = { wanted: { versions: { 'validator-2': '1.1.0' } } };
    const { nodes } = await build({ inputs });
    expect(nodes.map(({ release }) => release.version)).toEqual(['1.0.0', '1.0.0', '1.1.0', '1.0.0']);
  });

  test('carries no secret: only where secrets are', async () => {
    const { profile } = await inputsOf();
    expect(profile.identity).toBeUndefined();
    expect(JSON.stringify(await build())).not.toMatch(/PRIVATE KEY/);
  });
});

describe('links of the process lab', () => {
  const command: SystemProfile['command'] = (node, { nodes }) =>
    nodes.map(({ name, address, ports }) => `${name === node.name ? 'self' : name}=${address}:${ports['p2p']}`);

  test('give each node an address of its own for every other node, on that node’s own port', async () => {
    const { nodes } = await build({ profile: { command } });
    expect(nodes[1]?.command.slice(2)).toEqual([
      'validator-0=127.77.2.1:21001',
      'self=127.0.0.1:21003',
      'validator-2=127.77.2.3:21005',
      'validator-3=127.77.2.4:21007',
    ]);
    expect(nodes[1]?.links).toEqual({
      clientAddress: '127.77.0.2',
      peers: { 'validator-0': '127.77.2.1', 'validator-2': '127.77.2.3', 'validator-3': '127.77.2.4' },
    });
  });

  test('are left out where the testnet wants none, and on container labs', async () => {
    for (const text of [`${soundSpec}links: direct\n`, soundSpec.replace('process', 'docker')]) {
      const { nodes } = await build({ text, profile: { command } });
      expect(nodes).toHaveLength(4);
      expect(nodes.filter(({ links }) => links !== undefined)).toEqual([]);
      expect(JSON.stringify(nodes)).not.toContain('127.77');
    }
  });

  test('decide by what a node is told of them whether it must be replaced', async () => {
    const direct = { text: `${soundSpec}links: direct\n` };
    expect(generations(await build())).toEqual(generations(await build(direct)));
    const [linked, unlinked] = [
      await build({ profile: { command } }),
      await build({ ...direct, profile: { command } }),
    ];
    expect(generations(linked).filter((generation) => generations(unlinked).includes(generation))).toEqual([]);
  });
});

describe('the generation of a node changes when', () => {
  const one = (settings: string): string => `${soundSpec}overrides: { validator-1: { ${settings} } }\n`;
  const cases: [string, Variation][] = [
    ['its version changes', { text: one('version: 1.1.0') }],
    ['a flag is set', { text: one('flags: { fast: true }') }],
    ['its environment changes', { text: one('env: { A: b }') }],
  ];
  test.each(cases)('%s, and no other node’s does', async (_what, variation) => {
    const before = generations(await build());
    const after = generations(await build(variation));
    expect(before).toHaveLength(4);
    expect(after.map((generation, index) => generation !== before[index])).toEqual([false, true, false, false]);
  });

  test.each<[string, Variation]>([
    [
      'the release’s content changes under the same name',
      {
        inputs: {
          releases: {
            '1.0.0': { version: '1.0.0', kind: 'program', digest: digest('c'), programPath: '/store/a.mjs' },
          },
        },
      },
    ],
    ['a file changes', { profile: { files: () => ({ 'genesis.json': '{}' }) } }],
    ['the profile’s environment changes', { profile: { env: () => ({ MODE: 'x' }) } }],
    ['the command changes', { profile: { command: () => ['--other'] } }],
  ])('%s', async (_what, variation) => {
    const before = generations(await build());
    const after = generations(await build(variation));
    expect(after.map((generation, index) => generation !== before[index])).toEqual([true, true, true, true]);
  });

  test('a file carries the group’s key, and the group is made anew', async () => {
    const profile: Partial<SystemProfile> = { files: (_node, { groupKey }) => ({ 'group.json': groupKey ?? 'none' }) };
    const { allocation } = await inputsOf();
    const withGroup = async (publicKey: string): Promise<Topology> =>
      build({ profile, inputs: { allocation: { ...allocation, group: { publicKey, members: ['validator-0'] } } } });
    const [none, first, second] = [await build({ profile }), await withGroup('key 1'), await withGroup('key 2')];
    expect(Object.values(first.nodes[0]?.files ?? {})).toEqual(['key 1']);
    expect(Object.values(none.nodes[0]?.files ?? {})).toEqual(['none']);
    expect(new Set([none, first, second].flatMap(generations)).size).toBe(3 * none.nodes.length);
  });

  test('a limit, the image or the health check of a container changes', async () => {
    const text = soundSpec.replace('process', 'docker');
    const image = (id: string): Partial<TopologyInputs> => ({
      releases: { '1.0.0': { version: '1.0.0', kind: 'program', digest: digest('a'), imageId: digest(id) } },
    });
    const variations: Variation[] = [
      { text, inputs: image('1') },
      { text, inputs: image('2') },
      { text: `${text}overrides: { validator-0: { memoryMb: 64 } }\n`, inputs: image('1') },
      { text: `${text}overrides: { validator-0: { cpus: 0.5 } }\n`, inputs: image('1') },
      { text, inputs: image('1'), profile: { containerHealthcheck: () => ['check'] } },
    ];
    const first = await Promise.all(variations.map(async (variation) => generations(await build(variation))[0]));
    expect(new Set(first).size).toBe(variations.length);
  });
});

describe('the generation of a node stays when', () => {
  test.each<[string, Variation]>([
    [
      'the program lies somewhere else',
      {
        inputs: {
          releases: {
            '1.0.0': { version: '1.0.0', kind: 'program', digest: digest('a'), programPath: '/other/a.mjs' },
          },
        },
      },
    ],
    ['the interpreter lies somewhere else', { inputs: { nodeProgram: '/usr/bin/node' } }],
    ['the gate, the load or a comment changes', { text: `# c\n${soundSpec}gate: quick\nload: { perSecond: 1 }\n` }],
    [
      'a release is added that it does not run',
      { text: soundSpec.replace('releases:', 'releases:\n  9.0.0: { program: x }') },
    ],
    ['the stop rule changes', { profile: { stop: { signal: 'SIGINT', graceMs: 1 } } }],
    ['keys of its maps change their order', { profile: { env: () => ({}), files: () => ({}) } }],
  ])('%s', async (_what, variation) => {
    expect(generations(await build(variation))).toEqual(generations(await build()));
  });

  test('its environment is written in another order', async () => {
    const text = (env: string): string => `${soundSpec}overrides: { validator-0: { env: { ${env} } } }\n`;
    const [ab, ba] = [await build({ text: text('A: x, B: y') }), await build({ text: text('B: y, A: x') })];
    expect(generations(ba)).toEqual(generations(ab));
  });
});
