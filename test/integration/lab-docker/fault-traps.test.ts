import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { LabError } from '../../../src/core/errors.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDockerFaults } from '../../../src/lab/docker/faults/docker-faults.ts';
import { faultContainerName } from '../../../src/lab/docker/faults/fault-facts.ts';
import { listOwnedObjects, removeOwnedObject } from '../../../src/lab/docker/owned-objects.ts';
import { removeLeftHelpers } from '../../../src/lab/docker/left-helpers.ts';
import { labels } from '../../../src/lab/labels.ts';
import type { FaultAction, FaultLease, PairProbe } from '../../../src/lab/faults.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';
import { makeContainerTestnet, type ContainerTestnet } from '../../helpers/container-testnet.ts';
import { describeWithDocker, dockerForTests } from '../../helpers/docker-suite.ts';
import { inNetwork } from '../../helpers/network-state.ts';

const given = await dockerForTests(['node-runtime', 'toolbox']);
const TTL_MS = 60_000;

/** A process that is provably gone: one of this boot that /proc does not know. */
const GONE = { pid: 4_194_303, startTicks: '1' };

describeWithDocker('traps of faults on containers', given, (forTests) => {
  const toolbox = forTests.images.toolbox ?? '';
  let testnet: ContainerTestnet;
  let victim: TopologyNode;
  let peer: TopologyNode;

  beforeAll(async () => {
    testnet = await makeContainerTestnet(forTests);
    [victim, peer] = testnet.topology.nodes as [TopologyNode, TopologyNode];
  }, 300_000);
  afterAll(() => testnet.dispose());

  const wait = (what: string, isSo: () => Promise<boolean>): Promise<true> =>
    waitFor(async () => ((await isSo()) ? true : undefined), {
      clock: systemClock,
      what,
      timeoutMs: 60_000,
      intervalMs: 200,
    });
  const cut = (direction?: 'in' | 'out'): FaultAction => ({
    kind: 'cut',
    rules: (['in', 'out'] as const)
      .filter((one) => direction === undefined || one === direction)
      .map((one) => ({ direction: one, peer: peer.name, verdict: 'drop' })),
  });
  const begin = async (action: FaultAction, ttlMs = TTL_MS): Promise<FaultLease> => {
    const lease = { id: `t-${randomBytes(4).toString('hex')}`, node: victim, action, ttlMs };
    const { faults } = testnet.lab;
    onTestFinished(() => faults.heal(lease.node, lease.id));
    await faults.arm(lease);
    await faults.inject(lease.node, lease.id);
    return lease;
  };
  const idOf = async (node: TopologyNode): Promise<string> => (await testnet.container(node.name).inspect()).Id;
  const pair = (probes: readonly PairProbe[], from: TopologyNode, to: TopologyNode): PairProbe | undefined =>
    probes.find((probe) => probe.from === from.name && probe.to === to.name);

  test('flows that were open are cut though a rule accepts them by connection tracking, and deliver again', async () => {
    const { faults } = testnet.lab;
    const container = await idOf(victim);
    const accept =
      'table inet other { chain in { type filter hook input priority 0; ct state established,related accept; }; chain out { type filter hook output priority 0; ct state established,related accept; }; }';
    await inNetwork(testnet.docker, toolbox, container, `nft '${accept}'`);
    onTestFinished(async () => {
      await inNetwork(testnet.docker, toolbox, container, 'nft delete table inet other');
    });
    const watch = await faults.watchPairs(testnet.topology.nodes);
    try {
      await wait('all pairs to be whole', async () =>
        (await watch.look()).every(({ established }) => established === 'ok'),
      );
      const lease = await begin(cut());
      const probes = await watch.look();
      for (const blocked of [pair(probes, victim, peer), pair(probes, peer, victim)]) {
        expect(blocked).toMatchObject({ fresh: 'blocked', established: 'blocked' });
      }
      await faults.heal(lease.node, lease.id);
      await wait('the very flows to deliver again', async () =>
        (await watch.look()).every(({ established, fresh }) => established === 'ok' && fresh === 'ok'),
      );
    } finally {
      await watch.close();
    }
  });

  test.each([
    { direction: 'in', words: 'its peer is not heard, and hears it' },
    { direction: 'out', words: 'its peer does not hear it, and is heard' },
  ] as const)('one way: $words', async ({ direction }) => {
    const { faults } = testnet.lab;
    const watch = await faults.watchPairs(testnet.topology.nodes);
    try {
      await wait('all pairs to be whole', async () =>
        (await watch.look()).every(({ established }) => established === 'ok'),
      );
      await begin(cut(direction));
      const probes = await watch.look();
      const [closed, open] =
        direction === 'in'
          ? [pair(probes, peer, victim), pair(probes, victim, peer)]
          : [pair(probes, victim, peer), pair(probes, peer, victim)];
      expect(closed).toMatchObject({ fresh: 'blocked', established: 'blocked' });
      expect(open).toMatchObject({ fresh: 'blocked', established: 'ok' });
    } finally {
      await watch.close();
    }
  });

  test.each<FaultAction>([cutOf('node-1'), { kind: 'cpu', share: 0.5 }, { kind: 'disk-full' }])(
    'of a node that is restarted the fault is lost, and its heal succeeds: $kind',
    async (action) => {
      const { faults } = testnet.lab;
      const lease = await begin(action);
      await testnet.container(victim.name).restart({ t: 1 });
      const state = await faults.inspect(victim, lease.id);
      expect(state.state).toBe('lost');
      expect(state.detail).toContain('node-0 was restarted at');
      await faults.heal(victim, lease.id);
      expect(await faults.list()).toEqual([]);
    },
  );

  test('a full disk is that of the node, whatever commands are run beside it', async () => {
    const { faults } = testnet.lab;
    // Unlike the node it does not ignore SIGXFSZ, and would be ended.
    const runBeside = async (): Promise<void> => {
      const command = await testnet.container(victim.name).exec({ Cmd: ['sleep', '60'] });
      await command.start({ Detach: true });
      await wait('the command to run', async () => (await command.inspect()).Running);
    };
    await runBeside();
    const lease = await begin({ kind: 'disk-full' });
    expect(await faults.inspect(victim, lease.id)).toMatchObject({ state: 'injected' });
    await runBeside();
    expect(await faults.inspect(victim, lease.id)).toMatchObject({ state: 'injected' });
    await faults.heal(victim, lease.id);
    expect(await faults.list()).toEqual([]);
  });

  test('of a node that somebody started, or unpaused, the fault is lost', async () => {
    const { faults } = testnet.lab;
    const down = await begin({ kind: 'down', signal: 'SIGKILL', data: 'keep' });
    await testnet.container(victim.name).start();
    expect(await faults.inspect(victim, down.id)).toMatchObject({ state: 'lost', detail: 'it was started again' });
    await faults.heal(victim, down.id);
    const paused = await begin({ kind: 'pause' });
    await testnet.container(victim.name).unpause();
    expect(await faults.inspect(victim, paused.id)).toMatchObject({ state: 'lost' });
    await faults.heal(victim, paused.id);
    expect((await testnet.container(victim.name).inspect()).State.Running).toBe(true);
  });

  test('an object that was removed by hand is told as lost, and its heal touches nothing else', async () => {
    const { faults } = testnet.lab;
    const container = await idOf(victim);
    const lease = await begin(cut());
    await inNetwork(
      testnet.docker,
      toolbox,
      container,
      `nft add table inet bystander; nft delete table inet seatrial_${lease.id}`,
    );
    const state = await faults.inspect(victim, lease.id);
    expect(state).toMatchObject({
      state: 'lost',
      detail: expect.stringContaining(`seatrial_${lease.id} is gone`) as string,
    });
    await faults.heal(victim, lease.id);
    const tables = await inNetwork(
      testnet.docker,
      toolbox,
      container,
      'nft list tables; nft delete table inet bystander',
    );
    expect(tables).toContain('table inet bystander');
  });

  test('an agent whose program is killed goes on with the same fault and the same time', async () => {
    const { faults } = testnet.lab;
    const lease = await begin(cut(), 20_000);
    const agent = testnet.docker.getContainer(faultContainerName(testnet.topology.testnet, victim.name, 'cut'));
    const programOf = async (): Promise<number | undefined> => {
      const { Processes, Titles } = (await agent.top()) as { Processes: string[][]; Titles: string[] };
      const row = Processes.find((columns) => columns.at(-1)?.startsWith('node '));
      return row && Number(row[Titles.indexOf('PID')]);
    };
    const pid = await programOf();
    expect(pid).toBeGreaterThan(1);
    process.kill(pid ?? 0, 'SIGKILL');
    await wait('another program to hold it', async () => {
      const now = await programOf();
      return now !== undefined && now !== pid;
    });
    const state = await faults.inspect(victim, lease.id);
    expect(state.state).toBe('injected');
    expect(state.remainingMs).toBeLessThan(20_000);
    await wait('it to end at its time', async () => (await faults.list()).length === 0);
    expect(await inNetwork(testnet.docker, toolbox, await idOf(victim), 'nft list tables')).not.toContain('seatrial');
  });

  test('of a cut whose agent is removed by force the kernel itself lets go', async () => {
    const { faults } = testnet.lab;
    const lease = await begin(cut(), 4000);
    const name = faultContainerName(testnet.topology.testnet, victim.name, 'cut');
    await testnet.docker.getContainer(name).remove({ force: true });
    const watch = await faults.watchPairs(testnet.topology.nodes);
    try {
      expect(pair(await watch.look(), victim, peer)).toMatchObject({ fresh: 'blocked' });
      await wait('the cut to end', async () => pair(await watch.look(), victim, peer)?.fresh === 'ok');
    } finally {
      await watch.close();
      // The rules let everything pass by now, and their table is nobody's any more.
      await inNetwork(testnet.docker, toolbox, await idOf(victim), `nft delete table inet seatrial_${lease.id}`);
    }
  });

  test('extending gives the whole time again, also to the kernel’s timer', async () => {
    const { faults } = testnet.lab;
    const lease = await begin(cut(), 5000);
    await faults.extend(victim, lease.id, 300_000);
    const rules = await inNetwork(
      testnet.docker,
      toolbox,
      await idOf(victim),
      `nft list table inet seatrial_${lease.id}`,
    );
    expect(rules).toMatch(/timeout 5m5s/);
    expect((await faults.inspect(victim, lease.id)).remainingMs).toBeGreaterThan(200_000);
  });

  test('whoever takes the testnet leaves live faults alone, and clears away one that was never started', async () => {
    const { docker, topology } = testnet;
    const { faults } = testnet.lab;
    const lease = await begin({ kind: 'pause' });
    const name = faultContainerName(topology.testnet, peer.name, 'dns');
    const facts = { id: 'left', node: peer.name, kind: 'dns', instance: 'x:y', diesWithInstance: true };
    const { hostname } = await import('node:os');
    const { processIdentity } = await import('../../../src/core/process-identity.ts');
    const self = await processIdentity(process.pid);
    const left = await docker.createContainer({
      name,
      Image: toolbox,
      Cmd: ['never-started'],
      Labels: {
        [labels.testnet]: topology.testnet,
        [labels.node]: peer.name,
        [labels.helper]: 'fault',
        [labels.fault]: JSON.stringify(facts),
        [labels.owner]: JSON.stringify({ host: hostname(), bootId: self?.bootId, ...GONE }),
      },
    });
    expect((await faults.list()).map(({ id }) => id).sort()).toEqual(['left', lease.id].sort());
    expect(await removeLeftHelpers(docker, topology.testnet)).toEqual([name]);
    await expect(left.inspect()).rejects.toThrow('No such container');
    expect(await faults.list()).toMatchObject([{ id: lease.id, state: 'injected' }]);
  });

  test('values that cannot be, and targets that are not, are refused with nothing left', async () => {
    const { faults } = testnet.lab;
    const arm = (more: Partial<FaultLease>): Promise<void> =>
      faults.arm({ id: 'bad', node: victim, action: { kind: 'dns' }, ttlMs: TTL_MS, ...more });
    await expect(arm({ id: 'a;flush ruleset' })).rejects.toThrow('lower-case letters, digits and dashes');
    await expect(arm({ ttlMs: 0 })).rejects.toThrow('its time is 0 ms');
    await expect(arm({ node: { ...victim, name: 'node-9' } })).rejects.toThrow('node node-9 of testnet');
    await expect(arm({ action: cutOf('node-9') })).rejects.toThrow('did you mean node-');
    await expect(arm({ action: { kind: 'monitoring-gone' } })).rejects.toThrow('no monitoring container');
    await expect(arm({ action: { kind: 'config', path: '/etc/none' } })).resolves.toBeUndefined();
    await expect(faults.inject(victim, 'bad')).rejects.toThrow('it has no file /etc/none');
    expect(await faults.inspect(victim, 'bad')).toMatchObject({ state: 'armed' });
    await faults.heal(victim, 'bad');
    expect(await faults.list()).toEqual([]);
  });

  test('an engine without the toolbox says for each kind what to run', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end('{"message":"No such image"}'));
    const socketPath = join(tmpdir(), `seatrial-${randomBytes(4).toString('hex')}.sock`);
    server.listen(socketPath);
    onTestFinished(() => void server.close());
    const docker = new Docker({ socketPath, host: undefined, protocol: 'http' });
    const faults = createDockerFaults({ docker, topology: testnet.topology });
    const able = await faults.capabilities();
    expect(Object.keys(able)).toHaveLength(11);
    for (const sentence of Object.values(able)) expect(sentence).toContain('`seatrial images` builds it');
    await expect(faults.arm({ id: 'x', node: victim, action: { kind: 'dns' }, ttlMs: 1 })).rejects.toThrow(LabError);
    await expect(faults.watchPairs([victim])).rejects.toThrow('`seatrial images` builds it');
  });

  test('a testnet is taken down though faults act and pairs are watched, and nothing is left', async () => {
    const { docker, topology } = testnet;
    const { faults } = testnet.lab;
    await faults.watchPairs(topology.nodes);
    await begin(cut());
    await begin({ kind: 'cpu', share: 0.5 });
    const [, , third] = topology.nodes as [TopologyNode, TopologyNode, TopologyNode];
    await faults.arm({ id: 'p', node: peer, action: { kind: 'pause' }, ttlMs: TTL_MS });
    await faults.inject(peer, 'p');
    await faults.arm({
      id: 'd',
      node: third,
      action: { kind: 'down', signal: 'SIGKILL', data: 'keep' },
      ttlMs: TTL_MS,
    });
    await faults.inject(third, 'd');
    const order = ['container', 'volume', 'network'];
    const own = await listOwnedObjects(docker, topology.testnet);
    expect(own.length).toBeGreaterThan(12);
    for (const object of own.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))) {
      await removeOwnedObject(docker, object);
    }
    expect(await listOwnedObjects(docker, topology.testnet)).toEqual([]);
  });
});

function cutOf(peer: string): FaultAction {
  return { kind: 'cut', rules: [{ direction: 'in', peer, verdict: 'drop' }] };
}
