import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { faultContainerName } from '../../../src/lab/docker/faults/fault-facts.ts';
import type { FaultActionKind, FaultLease } from '../../../src/lab/faults.ts';
import { beyondRows } from '../../helpers/beyond-rows.ts';
import { makeContainerTestnet, type ContainerTestnet } from '../../helpers/container-testnet.ts';
import { describeWithDocker, dockerForTests } from '../../helpers/docker-suite.ts';
import { networkState } from '../../helpers/network-state.ts';
import { faultCases, type FaultCase } from './fault-cases.ts';

const program = join(import.meta.dirname, '../../fixtures/hold-faults.ts');
const given = await dockerForTests(['node-runtime', 'toolbox']);
const WAIT_MS = 30_000;
const TTL_MS = 60_000;
const SHORT_TTL_MS = 8_000;
const LIMITS = `cd /sys/fs/cgroup
cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us memory.max cpu.max 2>/dev/null
cat /proc/1/limits`;

describeWithDocker('faults on containers', given, (forTests) => {
  const toolbox = forTests.images.toolbox ?? '';
  const proven = new Map<string, Set<string>>();
  let testnet: ContainerTestnet;
  let able: Record<FaultActionKind, true | string>;

  const prove = (name: string, what: string): void => void proven.set(name, (proven.get(name) ?? new Set()).add(what));
  const wait = (what: string, isSo: () => Promise<boolean>): Promise<true> =>
    waitFor(async () => ((await isSo().catch(() => false)) ? true : undefined), {
      clock: systemClock,
      what,
      timeoutMs: WAIT_MS,
      intervalMs: 200,
    });
  const leaseOf = ({ action, node }: FaultCase, ttlMs: number): FaultLease => ({
    id: `f-${randomBytes(4).toString('hex')}`,
    node: node(testnet),
    action,
    ttlMs,
  });
  /** Everything outside a node's data that a fault may touch. */
  const world = async (): Promise<Record<string, unknown>> => {
    const { docker, topology } = testnet;
    const label = [`org.seatrial.testnet=${topology.testnet}`];
    const all = await docker.listContainers({ all: true, filters: { label } });
    const states: Record<string, unknown> = { containers: all.map(({ Names }) => Names[0]).sort() };
    for (const node of topology.nodes) {
      const { HostConfig, State } = await testnet.container(node.name).inspect();
      const limits = await testnet.lab.exec(node, ['sh', '-c', LIMITS]);
      const top = (await testnet.container(node.name).top()) as { Processes: string[][] };
      states[node.name] = {
        HostConfig,
        isPaused: State.Paused,
        limits: limits.stdout,
        processes: top.Processes.length,
      };
    }
    const { Id } = await testnet.container('node-0').inspect();
    // After each start the engine's resolver has other ports, and the interface another number.
    states['network'] = (await networkState(docker, toolbox, Id)).replaceAll(/port \d+|^\d+: /gm, '');
    return states;
  };

  const beginWithData = async (): Promise<void> => {
    const [node] = testnet.topology.nodes as [FaultLease['node']];
    expect(await testnet.ask(node, '/write')).toBe('written');
  };

  beforeAll(async () => {
    testnet = await makeContainerTestnet(forTests);
    able = await testnet.lab.faults.capabilities();
  }, 300_000);
  afterAll(async () => {
    await testnet.dispose();
    const rows = faultCases.map(
      ({ name }) => `  ${name.padEnd(20)} ${[...(proven.get(name) ?? ['NOT PROVEN'])].join(', ')}`,
    );
    for (const kind of ['shape', 'clock'] as const) {
      const what = kind === 'shape' ? 'delay, loss' : kind;
      if (able[kind] !== true) rows.push(`  ${what.padEnd(20)} lacks: ${able[kind]}`);
    }
    const died = [...proven].flatMap(([name, what]) => (what.has('dead-man-proven') ? [name] : []));
    rows.push(...beyondRows(died));
    process.stdout.write(`fault × docker\n${rows.join('\n')}\n`);
  });

  describe.each(faultCases)('$name', (one) => {
    test('acts on the target and is undone by its heal, with nothing left', async () => {
      const { faults } = testnet.lab;
      const before = await world();
      await beginWithData();
      const lease = leaseOf(one, TTL_MS);
      await faults.arm(lease);
      onTestFinished(() => faults.heal(lease.node, lease.id));
      await faults.inject(lease.node, lease.id);
      await wait(`${one.name} to act`, () => one.acts(testnet));
      expect(await faults.inspect(lease.node, lease.id)).toMatchObject({ state: 'injected' });
      prove(one.name, 'effect-proven');
      await faults.heal(lease.node, lease.id);
      await wait(`${one.name} to be over`, () => one.isOver(testnet));
      expect(await faults.list()).toEqual([]);
      expect(await world()).toEqual(before);
      prove(one.name, 'heal-proven');
    });

    test('goes on when all that asked for it is killed, and ends at its time', async () => {
      const { faults } = testnet.lab;
      const before = await world();
      await beginWithData();
      const lease = leaseOf(one, SHORT_TTL_MS);
      const { testnet: name, nodes } = testnet.topology;
      const leases = JSON.stringify([{ ...lease, node: lease.node.name }]);
      const child = spawn(process.execPath, [program, name, nodes[0]?.release.imageId ?? '', leases], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      expect(said.toString('utf8').trim()).toBe('injected');
      child.kill('SIGKILL');
      await once(child, 'exit');
      await wait(`${one.name} to act without its owner`, () => one.acts(testnet));
      expect(await faults.list()).toMatchObject([{ id: lease.id, state: 'injected' }]);
      await wait(`${one.name} to end by itself`, async () => (await faults.list()).length === 0);
      await wait(`${one.name} to be over`, () => one.isOver(testnet));
      const agent = testnet.docker.getContainer(faultContainerName(name, lease.node.name, lease.action.kind));
      await wait('its agent to be gone', () =>
        agent.inspect().then(
          () => false,
          () => true,
        ),
      );
      expect(await world()).toEqual(before);
      prove(one.name, 'dead-man-proven');
    });
  });
});
