import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import Docker from 'dockerode';
import { expect, onTestFinished, test } from 'vitest';
import { BreakerOpenError } from '../../../src/core/breaker.ts';
import { createBreakerSet, type BreakerSet } from '../../../src/core/breaker-set.ts';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { createFakeLab } from '../../../src/lab/fake/fake-lab.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { guardedLab } from '../../../src/lab/guarded-lab.ts';
import type { Lab } from '../../../src/lab/lab.ts';
import { leaseOwner } from '../../../src/lab/lease.ts';
import { leaseTopology } from '../../helpers/lease-topology.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const topology = leaseTopology('guarded', `sha256:${'1'.repeat(64)}`);
const [node] = topology.nodes;
if (!node) throw new Error('the sample topology has no node');

interface Guarded {
  clock: VirtualClock;
  breakers: BreakerSet;
  lab: Lab;
  socketPath: string;
}

async function guarded(): Promise<Guarded> {
  const socketPath = join(await temporaryFolder(), 'docker.sock');
  const docker = new Docker({ socketPath, host: undefined, protocol: 'http' });
  const clock = createVirtualClock({ isAutomatic: false });
  const breakers = createBreakerSet({ clock, random: () => 0 });
  const lab = guardedLab(createDockerLab({ topology, docker }), { breakers, host: 'local', callClass: 'docker' });
  return { clock, breakers, lab, socketPath };
}

/** An engine that answers every question in one way. */
async function serve(socketPath: string, status: number, body: unknown): Promise<Server> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

test('calls to an engine that is not there are held back after five, and go through again once it is there', async () => {
  const { clock, breakers, lab, socketPath } = await guarded();
  for (let count = 0; count < 5; count++) {
    expect(((await errorOf(lab.observe(node))) as Error).message).toContain('cannot reach a Docker engine');
  }
  const held = await errorOf(lab.stop(node));
  expect(held).toBeInstanceOf(BreakerOpenError);
  expect((held as Error).message).toMatch(
    /^calls to local \(docker\) failed too often and are held back; the next is tried in 60 s/,
  );
  await serve(socketPath, 404, { message: 'No such container' });
  await clock.advance(60_000);
  expect(await lab.observe(node)).toEqual({ node: node.name, state: 'absent' });
  expect(await lab.observe(node)).toEqual({ node: node.name, state: 'absent' });
  expect(breakers.snapshot()).toMatchObject([
    { host: 'local', callClass: 'docker', state: 'closed', failures: 5, successes: 2, opened: 1, rejected: 1 },
  ]);
});

test('an engine that answers 500 opens the breaker; one that says no does not', async () => {
  const { breakers, lab, socketPath } = await guarded();
  const server = await serve(socketPath, 409, { message: 'conflict' });
  for (let count = 0; count < 8; count++) expect(await errorOf(lab.observe(node))).not.toBeInstanceOf(BreakerOpenError);
  expect(breakers.snapshot()).toMatchObject([{ state: 'closed', failures: 0, successes: 8 }]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await serve(socketPath, 500, { message: 'internal' });
  for (let count = 0; count < 5; count++) await errorOf(lab.observe(node));
  expect(await errorOf(lab.observe(node))).toBeInstanceOf(BreakerOpenError);
});

test('an engine that does not answer in time opens the breaker', async () => {
  const { lab, socketPath } = await guarded();
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  for (let count = 0; count < 5; count++) {
    expect(((await errorOf(lab.observe(node, { timeoutMs: 20 }))) as Error).message).toContain('within 20 ms');
  }
  expect(await errorOf(lab.observe(node))).toBeInstanceOf(BreakerOpenError);
});

test('a look that its caller cut short opens nothing; one that timed out by itself does', async () => {
  const { breakers, socketPath } = await guarded();
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const docker = new Docker({ socketPath, host: undefined, protocol: 'http' });
  const watched = guardedLab(createDockerLab({ topology, docker }), {
    breakers,
    host: 'local',
    callClass: 'docker',
    sampled: ['observe'],
  });
  for (let count = 0; count < 8; count++) {
    const slot = new AbortController();
    const look = errorOf(watched.observe(node, { signal: slot.signal }));
    slot.abort(Object.assign(new Error('no answer within the slot'), { code: 'ETIMEDOUT' }));
    expect(await look).toBeInstanceOf(Error);
  }
  expect(breakers.get('local', 'docker').snapshot()).toMatchObject({ state: 'closed', failures: 0 });
  for (let count = 0; count < 5; count++) await errorOf(watched.observe(node, { timeoutMs: 20 }));
  expect(breakers.get('local', 'docker').snapshot()).toMatchObject({ state: 'open', failures: 5 });
});

test('every method of a lab goes through its breaker, but what calls nobody and what gives back', async () => {
  const clock = createVirtualClock({ isAutomatic: false });
  const breakers = createBreakerSet({ clock, random: () => 0 });
  const plain = createFakeLab({ topology, clock });
  const lab = guardedLab(plain, { breakers, host: 'local', callClass: 'docker' });
  await lab.launch(node);
  expect((await lab.observe(node)).state).toBe('running');
  expect(await lab.list()).toEqual([node.name]);
  const lease = await lab.takeLease('guarded', await leaseOwner('up', '2026-01-01T00:00:00Z'));
  await lease.check();
  expect(lab.kind).toBe('fake');
  expect(lab.world).toBe(plain.world);
  expect(breakers.get('local', 'docker').snapshot()).toMatchObject({ successes: 5, failures: 0 });

  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const breaker = breakers.get('local', 'docker');
  for (let count = 0; count < 5; count++) await errorOf(breaker.call(() => Promise.reject(refused)));
  for (const call of [lab.stop(node), lab.list(), lab.remove(node), lease.check()]) {
    expect(await errorOf(call)).toBeInstanceOf(BreakerOpenError);
  }
  expect(plain.world.isAlive(node.name)).toBe(true);
  await lease.release();
  expect(plain.world.lease).toBeUndefined();
  await lab.close();
  expect(breaker.snapshot().rejected).toBe(4);
});
