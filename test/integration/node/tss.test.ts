import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ThresholdGroup, parseSignature } from '../../../node/tss-group.ts';
import type { TssGroup } from '../../../node/tss-group.ts';
import type { ProbeClient } from '../../../src/index.ts';
import { tssToggle } from '../../../systems/reference/tss.ts';
import { releaseBuilder } from './releases.ts';
import { TestNetwork, eventually } from './test-network.ts';

const build = releaseBuilder();
const chosen = 'validator-2';
const other = 'validator-0';
let release: string;
let network: TestNetwork;

beforeAll(async () => {
  release = await build({ version: '1.0.0' });
  network = await TestNetwork.create(4, [], { tss: true });
  network.startAll(release);
  await network.reach(2);
});

afterAll(async () => network[Symbol.asyncDispose]());

const nodeOf = (id: string) => ({
  ...{ name: id, role: 'validator', index: network.ids.indexOf(id), votingPower: 1 },
  dataDir: network.dataFolder(id),
});

/** Runs a command of the profile beside a node, as a lab does. */
function runBeside([program = '', ...args]: readonly string[]): void {
  execFileSync(program, args);
}

function lease(id: string, ttlMs: number, leaseId = 'test', on = true): void {
  runBeside(tssToggle.switch(nodeOf(id), { leaseId, on, ttlMs }));
}

/** A client of one node, as gates have it. */
function clientOf(id: string): ProbeClient {
  return {
    getJson: async (_port, path) => {
      const { code, body } = await network.get(id, path);
      if (code !== 200) throw new Error(`HTTP ${code}`);
      return body;
    },
    getText: () => Promise.reject(new Error('not used')),
    postJson: () => Promise.reject(new Error('not used')),
  };
}

async function signersAt(height: number, asked = other): Promise<string[]> {
  const { tss } = (await network.get(asked, `/block/${height}`)).body as { tss?: { signers: string[] } };
  if (tss === undefined) throw new Error(`${asked} does not tell who signed ${height}`);
  return tss.signers;
}

/** Heights that are decided from now on. */
async function nextHeights(count: number): Promise<{ from: number; to: number }> {
  const from = (await network.status(other)).height;
  await network.reach(from + count + 1);
  return { from, to: from + count };
}

const isOn = async (id: string, wanted: boolean): Promise<void> =>
  eventually(async () => (await network.status(id)).tss.on === wanted || `tss.on is not ${wanted}`, 2000);

// One network, taken through it in order.
describe('threshold signatures on a network of four', () => {
  test('are off at first: no block has a share, and the status says so', async () => {
    expect((await network.status(chosen)).tss).toEqual({ on: false, flag: false, canSign: true, lease: null });
    const { from, to } = await nextHeights(5);
    expect(await tssToggle.proof(clientOf(other), { node: chosen, from, to })).toEqual({ blocks: 5, proven: 0 });
    expect(await tssToggle.lease(clientOf(chosen))).toBeUndefined();
    // The tip's signers stand in a block that does not exist yet.
    const tip = (await network.status(other)).height;
    expect(await tssToggle.proof(clientOf(other), { node: chosen, from: tip + 50, to: tip + 60 })).toEqual({
      blocks: 0,
      proven: 0,
    });
  });

  test('come from one node alone that holds a lease, show on other nodes, and stop when its time is over', async () => {
    const before = await Promise.all(network.ids.map(async (id) => network.status(id)));
    const leasedAt = performance.now();
    lease(chosen, 4000, 'canary-1');
    await isOn(chosen, true);
    const held = await tssToggle.lease(clientOf(chosen));
    expect(held).toMatchObject({ leaseId: 'canary-1', on: true });
    expect(held?.remainingMs).toBeLessThanOrEqual(4000);
    const { from, to } = await nextHeights(8);
    const { blocks, proven } = await tssToggle.proof(clientOf(other), { node: chosen, from: from + 1, to });
    expect(blocks).toBe(7);
    expect(proven).toBeGreaterThanOrEqual(6);
    for (const id of network.ids.filter((one) => one !== chosen)) {
      expect((await tssToggle.proof(clientOf(other), { node: id, from, to })).proven).toBe(0);
    }
    expect(await network.metric(chosen, 'refchain_tss_enabled')).toBe(1);
    await isOn(chosen, false).catch(async () => sleep(2000));
    await isOn(chosen, false);
    expect(performance.now() - leasedAt).toBeGreaterThan(2900);
    expect(performance.now() - leasedAt).toBeLessThan(6000);
    await eventually(
      async () => !existsSync(join(network.dataFolder(chosen), 'tss-lease.json')) || 'file is there',
      1000,
    );
    const after = await nextHeights(5);
    expect(await tssToggle.proof(clientOf(other), { node: chosen, from: after.from + 1, to: after.to })).toEqual({
      blocks: 4,
      proven: 0,
    });
    const now = await Promise.all(network.ids.map(async (id) => network.status(id)));
    expect(now.map((status) => (status as unknown as { pid: number }).pid)).toEqual(
      before.map((status) => (status as unknown as { pid: number }).pid),
    );
  });

  test('count harm on every node from its start on, whether it signs or not', async () => {
    const metrics = new Set(tssToggle.harm.flatMap(({ bad, total }) => [bad.metric, total.metric]));
    expect(metrics.size).toBe(4);
    for (const id of network.ids) {
      const text = await fetch(network.url(id, '/metrics')).then(async (response) => response.text());
      for (const metric of metrics) expect(text).toMatch(new RegExp(`^${metric}(\\{[^}]*\\})? \\d`, 'm'));
      for (const result of ['accepted', 'rejected']) {
        const line = `refchain_tss_shares_total{validator="validator-3",result="${result}"}`;
        expect(await network.metric(id, line)).toBe(0);
      }
      expect(await network.metric(id, 'refchain_proposals_total{result="taken"}')).toBeGreaterThan(0);
    }
  });

  test('end at once when the lease is cleared; clearing nothing does no harm', async () => {
    lease(chosen, 60_000);
    await isOn(chosen, true);
    runBeside(tssToggle.clear(nodeOf(chosen)));
    await isOn(chosen, false);
    runBeside(tssToggle.clear(nodeOf(chosen)));
    expect((await network.status(chosen)).tss.lease).toBeNull();
  });

  test('stay on over SIGKILL and a restart within the lease, and are off after one beyond it', async () => {
    lease(chosen, 6000, 'survives');
    await isOn(chosen, true);
    await network.stop(chosen, 'SIGKILL');
    network.start(chosen, release);
    await eventually(async () => (await network.status(chosen)).tss.lease?.leaseId === 'survives' || 'no lease', 3000);
    const { from, to } = await nextHeights(6);
    expect((await tssToggle.proof(clientOf(other), { node: chosen, from, to })).proven).toBeGreaterThan(0);
    lease(chosen, 1500, 'short');
    await network.stop(chosen, 'SIGKILL');
    await sleep(1600);
    network.start(chosen, release);
    await eventually(async () => (await network.status(chosen)).peers === 3 || 'not back', 5000);
    expect((await network.status(chosen)).tss).toMatchObject({ on: false, lease: null });
  });

  test('ignore a malformed lease, which is removed, logged and counted', async () => {
    const file = join(network.dataFolder(chosen), 'tss-lease.json');
    writeFileSync(file, '{"leaseId": "half');
    await eventually(async () => !existsSync(file) || 'file is there', 1000);
    expect(await network.metric(chosen, 'refchain_tss_leases_rejected_total')).toBe(1);
    expect((await network.status(chosen)).tss).toMatchObject({ on: false, lease: null });
  });

  test('of all make a combined signature that verifies with the public key of the genesis file', async () => {
    for (const id of network.ids) lease(id, 60_000);
    for (const id of network.ids) await isOn(id, true);
    const { from, to } = await nextHeights(12);
    const genesis = JSON.parse(readFileSync(join(network.folder, 'genesis.json'), 'utf8')) as { tss: TssGroup };
    const group = new ThresholdGroup(genesis.tss);
    let combined = 0;
    for (let height = from + 2; height <= to; height++) {
      const { hash, tss } = (await network.get(other, `/block/${height}`)).body as {
        hash: string;
        tss: { signers: string[]; signature?: string };
      };
      expect(tss.signature !== undefined).toBe(tss.signers.length >= 3);
      if (tss.signature === undefined) continue;
      combined += 1;
      const message = JSON.stringify(['tss', 'local', height, hash]);
      const signature = parseSignature(tss.signature);
      expect(signature && group.areValid(message, [], signature)).toBe(true);
      expect(await signersAt(height, chosen)).toEqual(tss.signers);
    }
    expect(combined).toBeGreaterThanOrEqual(9);
    expect(await network.metric(other, 'refchain_tss_combined_total')).toBeGreaterThanOrEqual(combined);
    const line = 'refchain_tss_shares_total{validator="validator-1",result="accepted"}';
    expect(await network.metric(other, line)).toBeGreaterThan(5);
    for (const id of network.ids) {
      expect(await network.metric(id, 'refchain_tss_own_shares_rejected_total')).toBe(0);
      runBeside(tssToggle.clear(nodeOf(id)));
    }
  });

  test('can be switched off by a lease where the flag has them on', async () => {
    await network.stop(chosen, 'SIGTERM');
    network.start(chosen, release, ['--enable-tss']);
    await eventually(async () => (await network.status(chosen)).tss.flag || 'flag is not on', 3000);
    await isOn(chosen, true);
    lease(chosen, 1500, 'off', false);
    await isOn(chosen, false);
    await isOn(chosen, true);
    await network.stop(chosen, 'SIGTERM');
    network.start(chosen, release);
    await network.reach((await network.status(other)).height + 1);
  });

  test('do not stop a node whose share is missing or of another group: it goes on without', async () => {
    await network.stop(chosen, 'SIGTERM');
    const file = join(network.folder, `${chosen}.tss`);
    const share = readFileSync(file, 'utf8');
    writeFileSync(file, '11'.repeat(32));
    network.start(chosen, release, ['--enable-tss']);
    await network.reach((await network.status(other)).height + 2);
    expect((await network.status(chosen)).tss).toEqual({ on: false, flag: true, canSign: false, lease: null });
    await network.stop(chosen, 'SIGTERM');
    expect(network.logOf(chosen)).toContainEqual(
      expect.objectContaining({
        level: 'error',
        msg: 'no tss share',
        reason: expect.stringContaining('not the share of') as string,
      }),
    );
    writeFileSync(file, share);
    network.start(chosen, release);
    await network.reach((await network.status(other)).height + 2);
  });
});

describe('a release that is bad with threshold signatures', () => {
  async function withRelease(
    fault: 'tss-without-effect' | 'tss-misbehaves',
    check: () => Promise<void>,
  ): Promise<void> {
    await network.stop(chosen, 'SIGTERM');
    network.start(chosen, await build({ version: '2.0.0', fault }));
    await network.reach((await network.status(other)).height + 2);
    await check();
    await network.stop(chosen, 'SIGTERM');
    network.start(chosen, release);
    await network.reach((await network.status(other)).height + 2);
  }

  test('without effect says that it is on, and gives no share', async () => {
    await withRelease('tss-without-effect', async () => {
      lease(chosen, 60_000);
      await isOn(chosen, true);
      const { from, to } = await nextHeights(6);
      expect(await tssToggle.proof(clientOf(other), { node: chosen, from, to })).toEqual({ blocks: 6, proven: 0 });
      runBeside(tssToggle.clear(nodeOf(chosen)));
    });
  });

  test('misbehaving is sound while off; while on it fails requests and sends wrong shares, which are in no block', async () => {
    await withRelease('tss-misbehaves', async () => {
      const codes = async (): Promise<number[]> =>
        Promise.all(Array.from({ length: 20 }, async () => (await network.get(chosen, '/peers')).code));
      expect((await codes()).every((code) => code === 200)).toBe(true);
      lease(chosen, 60_000);
      await eventually(async () => (await network.metric(chosen, 'refchain_tss_enabled')) === 1 || 'not on', 2000);
      expect((await codes()).filter((code) => code === 500).length).toBeGreaterThanOrEqual(5);
      const from = (await network.status(other)).height;
      const tenth = Math.ceil((from + 2) / 10) * 10;
      await network.reach(tenth + 2, network.ids.slice(0, 2), 20_000);
      expect(await signersAt(tenth)).not.toContain(chosen);
      const proof = await tssToggle.proof(clientOf(other), { node: chosen, from: from + 1, to: tenth + 1 });
      expect(proof.proven).toBeGreaterThan(0);
      expect(await network.metric(chosen, 'refchain_tss_own_shares_rejected_total')).toBeGreaterThan(0);
      const line = `refchain_tss_shares_total{validator="${chosen}",result="rejected"}`;
      const counts = await Promise.all(network.ids.map(async (id) => network.metric(id, line)));
      expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThan(0);
      runBeside(tssToggle.clear(nodeOf(chosen)));
    });
  });
});
