import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { releaseBuilder } from './releases.ts';
import { TestNetwork, eventually } from './test-network.ts';

const build = releaseBuilder();
let release: string;
let newer: string;
let network: TestNetwork;

beforeAll(async () => {
  [release, newer] = await Promise.all([build({ version: '1.0.0' }), build({ version: '1.1.0' })]);
  network = await TestNetwork.create(4);
  network.startAll(release);
});

afterAll(async () => network[Symbol.asyncDispose]());

async function expectSameChain(height: number): Promise<void> {
  const blocks = await Promise.all(network.ids.map(async (id) => (await network.get(id, `/block/${height}`)).body));
  expect(new Set(blocks.map(({ hash }) => hash)).size).toBe(1);
  expect(new Set(blocks.map(({ appHash }) => appHash)).size).toBe(1);
  expect(blocks[0]?.['hash']).toMatch(/^[0-9a-f]{64}$/);
}

// One network, taken through its life in order.
describe('a network of four', () => {
  test('commits its first common block and is healthy on every node', async () => {
    await network.reach(1, network.ids, 5000);
    await expectSameChain(1);
    for (const id of network.ids) {
      await eventually(async () => (await network.status(id)).peers === 3 || 'fewer than 3 peers', 5000);
      expect((await network.get(id, '/health')).body).toEqual({ status: 'ok' });
      const status = await network.status(id);
      expect(status).toMatchObject({ node: id, version: '1.0.0', chainId: 'local', power: 1, totalPower: 4 });
      expect(status.catchingUp).toBe(false);
      const peers = network.ids.filter((other) => other !== id).map((other) => ({ id: other, connected: true }));
      expect((await network.get(id, '/peers')).body).toEqual({ peers });
    }
  });

  test('describes a block with its proposer, its place in the chain and who committed it', async () => {
    await network.reach(3);
    const [second, third] = await Promise.all(
      [2, 3].map(async (height) => network.get('validator-1', `/block/${height}`)),
    );
    expect(third).toMatchObject({
      code: 200,
      body: { height: 3, previousHash: second?.body['hash'], round: 0, txs: [] },
    });
    expect(Date.parse(String(third?.body['time']))).toBeGreaterThan(Date.parse(String(second?.body['time'])));
    expect(network.ids).toContain(third?.body['proposer']);
    const signers = (third?.body['commit'] as { validator: string }[]).map(({ validator }) => validator);
    expect(signers.length).toBeGreaterThanOrEqual(3);
    expect(network.ids).toEqual(expect.arrayContaining(signers));
    expect((await network.get('validator-1', '/block/99999')).code).toBe(404);
    expect((await network.get('validator-1', '/nowhere')).code).toBe(404);
    expect((await network.post('validator-1', '/status', '')).code).toBe(405);
  });

  test('commits a transaction once and shows its receipt and value on every node', async () => {
    const transaction = { key: 'colour', value: 'blue', nonce: '1' };
    const sent = await network.post('validator-2', '/tx?wait=commit&timeoutMs=5000', transaction);
    expect(sent).toMatchObject({ code: 200, body: { index: 0 } });
    const { id, height } = sent.body as { id: string; height: number };
    await network.reach(height);
    for (const node of network.ids) {
      expect((await network.get(node, `/tx/${id}`)).body).toEqual({ id, status: 'committed', height, index: 0 });
      expect((await network.get(node, '/state/colour')).body).toEqual({ key: 'colour', value: 'blue', height });
      expect((await network.get(node, `/block/${height}`)).body['txs']).toEqual([id]);
      expect(await network.post(node, '/tx', transaction)).toEqual({ code: 200, body: { id, height, index: 0 } });
    }
    expect((await network.get('validator-0', `/tx/${'0'.repeat(64)}`)).code).toBe(404);
    expect((await network.get('validator-0', '/state/nothing')).code).toBe(404);
  });

  test('takes a transaction at once when nobody waits, and refuses a malformed one with the reason', async () => {
    const taken = await network.post('validator-0', '/tx', { key: 'a', value: 'b', nonce: 'c' });
    expect(taken).toMatchObject({ code: 202, body: { id: expect.stringMatching(/^[0-9a-f]{64}$/) as string } });
    const { id } = taken.body as { id: string };
    await eventually(async () => {
      const { body } = await network.get('validator-3', `/tx/${id}`);
      return body['status'] === 'committed' || JSON.stringify(body);
    }, 5000);
    const refuse = (body: unknown) => network.post('validator-0', '/tx', body);
    expect(await refuse('{')).toEqual({ code: 400, body: { error: 'body is not JSON' } });
    expect((await refuse({ key: 'a' })).code).toBe(400);
    expect((await refuse({ key: 'a', value: 'x'.repeat(70_000), nonce: '' })).code).toBe(400);
  });

  test('has every metric family from the first scrape on', async () => {
    const response = await fetch(network.url('validator-0', '/metrics'));
    const text = await response.text();
    expect(response.headers.get('content-type')).toContain('text/plain');
    for (const line of [
      /^process_start_time_seconds \d+/m,
      /^refchain_build_info\{version="1\.0\.0"\} 1$/m,
      /^refchain_height \d+$/m,
      /^refchain_round 0$/m,
      /^refchain_peers 3$/m,
      /^refchain_mempool_transactions \d+$/m,
      /^refchain_validator_power 1$/m,
      /^refchain_blocks_committed_total \d+$/m,
      /^refchain_transactions_committed_total 2$/m,
      /^refchain_rounds_missed_total \d+$/m,
      /^refchain_http_requests_total\{route="\/health",code="200"\} \d+$/m,
      /^refchain_http_request_duration_seconds_count \d+$/m,
    ]) {
      expect(text).toMatch(line);
    }
  });

  test('goes on while one node is killed, and takes it back', async () => {
    expect(await network.stop('validator-3', 'SIGKILL')).toBeNull();
    const others = network.ids.slice(0, 3);
    const before = Math.max(...(await network.heights(others)));
    await network.reach(before + 8, others);
    const { roundsMissed } = await network.status('validator-0');
    expect(roundsMissed).toBeGreaterThan(0);
    network.start('validator-3', release);
    await network.reach(before + 8);
    await expectSameChain(before + 8);
  });

  test('brings a wiped node back to the same chain', async () => {
    await network.stop('validator-1', 'SIGKILL');
    rmSync(network.dataFolder('validator-1'), { recursive: true });
    network.start('validator-1', release);
    const target = Math.max(...(await network.heights(['validator-0'])));
    await network.reach(target + 3);
    await expectSameChain(1);
    await expectSameChain(target);
    expect((await network.get('validator-1', '/state/colour')).body['value']).toBe('blue');
  });

  test('halts with half of the power down and returns with it', async () => {
    await network.stop('validator-0', 'SIGKILL');
    await network.stop('validator-1', 'SIGKILL');
    await sleep(500);
    const [halted] = await network.heights(['validator-2']);
    const waited = await network.post('validator-2', '/tx?wait=commit&timeoutMs=1500', {
      key: 'h',
      value: '',
      nonce: '',
    });
    expect(waited).toMatchObject({ code: 504, body: { error: 'timeout' } });
    expect(await network.heights(['validator-2', 'validator-3'])).toEqual([halted, halted]);
    network.start('validator-0', release);
    await network.reach((halted ?? 0) + 3, ['validator-0', 'validator-2', 'validator-3']);
    network.start('validator-1', release);
    await network.reach((halted ?? 0) + 5);
    expect((await network.get('validator-1', `/tx/${String(waited.body['id'])}`)).body['status']).toBe('committed');
  });

  test('loses no acknowledged transaction when nodes are killed at arbitrary moments', async () => {
    const acknowledged: string[] = [];
    let isOver = false;
    const load = (async () => {
      for (let nonce = 0; !isOver; nonce++) {
        const sent = { key: 'load', value: String(nonce), nonce: `load ${nonce}` };
        const answer = await network.post('validator-0', '/tx?wait=commit', sent).catch(() => null);
        if (answer?.code === 200) acknowledged.push(String(answer.body['id']));
      }
    })();
    for (const [index, victim] of ['validator-1', 'validator-2', 'validator-3', 'validator-1'].entries()) {
      await sleep(137 + index * 61);
      await network.stop(victim, 'SIGKILL');
      network.start(victim, release);
      const [height] = await network.heights(['validator-0']);
      await network.reach((height ?? 0) + 3);
    }
    isOver = true;
    await load;
    expect(acknowledged.length).toBeGreaterThan(10);
    for (const id of acknowledged) {
      const answers = await Promise.all(network.ids.map(async (node) => network.get(node, `/tx/${id}`)));
      expect(answers.map(({ body }) => body['status'])).toEqual(['committed', 'committed', 'committed', 'committed']);
    }
  });

  test('drops a frozen peer and takes it back when it thaws', async () => {
    network.signal('validator-2', 'SIGSTOP');
    const isConnected = async (): Promise<boolean> => {
      const { body } = await network.get('validator-0', '/peers');
      const peers = body['peers'] as { id: string; connected: boolean }[];
      return peers.some(({ id, connected }) => id === 'validator-2' && connected);
    };
    expect(await isConnected()).toBe(true);
    await eventually(async () => !(await isConnected()) || 'still connected', 10_000);
    network.signal('validator-2', 'SIGCONT');
    const [height] = await network.heights(['validator-0']);
    await network.reach((height ?? 0) + 3);
    expect(await isConnected()).toBe(true);
  });

  test('is upgraded node by node, with both releases running side by side on the same data', async () => {
    for (const id of network.ids) {
      const startedAt = performance.now();
      expect(await network.stop(id, 'SIGTERM')).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(network.logOf(id).at(-1)).toMatchObject({ level: 'info', msg: 'stopped' });
      network.start(id, newer);
      const other = network.ids.find((candidate) => candidate !== id) ?? '';
      const [height] = await network.heights([other]);
      await network.reach((height ?? 0) + 3);
      expect((await network.status(id)).version).toBe('1.1.0');
    }
    await expectSameChain(Math.min(...(await network.heights())));
  });

  test('refuses to start a second process on the same ports', async () => {
    expect(await once(network.startTwin('validator-0', newer), 'exit')).toEqual([1, null]);
    expect((await network.get('validator-0', '/health')).code).toBe(200);
  });
});

test('A follower without a key follows the chain and takes transactions', async () => {
  await using small = await TestNetwork.create(1, ['follower']);
  small.startAll(release);
  await small.reach(5);
  expect(await small.status('follower')).toMatchObject({ power: 0, totalPower: 1, peers: 1 });
  const sent = await small.post('follower', '/tx?wait=commit', { key: 'k', value: 'v', nonce: '' });
  expect(sent.code).toBe(200);
  expect((await small.get('validator-0', '/state/k')).body['value']).toBe('v');
});
