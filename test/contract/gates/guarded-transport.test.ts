import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { BreakerOpenError, type BreakerSnapshot } from '../../../src/core/breaker.ts';
import { createBreakerSet, type BreakerSet } from '../../../src/core/breaker-set.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { endpointOf, guardedTransport } from '../../../src/gates/guarded-transport.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import type { HttpTransport } from '../../../src/gates/probe-client.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';

/** A server on loopback that answers with this status; undefined: never. */
async function serve(status: number | undefined): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((_request, response) => {
    if (status !== undefined) response.writeHead(status).end('told');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function guard(
  mode: 'sample' | 'hold-back',
  prometheusUrl?: string,
): {
  breakers: BreakerSet;
  advance(durationMs: number): Promise<void>;
  get(url: string): ReturnType<HttpTransport>;
} {
  const clock = createVirtualClock({ isAutomatic: false });
  const breakers = createBreakerSet({ clock, random: () => 0 });
  const transport = guardedTransport(httpTransport(systemClock), { breakers, mode, prometheusUrl });
  return {
    breakers,
    advance: (durationMs) => clock.advance(durationMs),
    get: (url) => transport({ method: 'GET', url: `${url}/status`, timeoutMs: 50, maxBytes: 1000 }),
  };
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
const find = (breakers: BreakerSet, url: string): BreakerSnapshot | undefined =>
  breakers.snapshot().find(({ host }) => host === endpointOf(url));

test('a node that is down holds back what is sent to it, and nothing that is sent to the nodes beside it', async () => {
  const [down, well] = [await serve(200), await serve(200)];
  await down.close();
  const { breakers, get } = guard('hold-back');
  for (let count = 0; count < 5; count++) expect(String(await errorOf(get(down.url)))).toContain('ECONNREFUSED');
  expect(await errorOf(get(down.url))).toBeInstanceOf(BreakerOpenError);
  expect(await get(well.url)).toEqual({ status: 200, text: 'told' });
  expect(find(breakers, down.url)).toMatchObject({ callClass: 'rpc', state: 'open', failures: 5, rejected: 1 });
  expect(find(breakers, well.url)).toMatchObject({ callClass: 'rpc', state: 'closed', failures: 0, successes: 1 });
});

test('a node that is down by plan opens nothing', async () => {
  const down = await serve(200);
  await down.close();
  const { breakers, get } = guard('hold-back');
  const end = breakers.exclude(endpointOf(down.url));
  for (let count = 0; count < 7; count++) expect(String(await errorOf(get(down.url)))).toContain('ECONNREFUSED');
  expect(find(breakers, down.url)).toMatchObject({ state: 'closed', failures: 0 });
  end();
  for (let count = 0; count < 5; count++) await errorOf(get(down.url));
  expect(find(breakers, down.url)).toMatchObject({ state: 'open', failures: 5 });
});

test.each([
  ['500', 500, 'open'],
  ['429', 429, 'open'],
  ['404', 404, 'closed'],
  ['401', 401, 'closed'],
])('an answer of %s is handed on as it is, and %i leaves the breaker %s', async (_title, status, state) => {
  const server = await serve(status);
  const { breakers, get } = guard('hold-back');
  for (let count = 0; count < 5; count++) expect(await get(server.url)).toEqual({ status, text: 'told' });
  expect(find(breakers, server.url)?.state).toBe(state);
});

test('an answer that never comes counts as a time-out', async () => {
  const server = await serve(undefined);
  const { breakers, get } = guard('hold-back');
  for (let count = 0; count < 5; count++) expect(String(await errorOf(get(server.url)))).toContain('within 50 ms');
  expect(find(breakers, server.url)).toMatchObject({ state: 'open', failures: 5 });
});

test('a gate’s samples are always taken, counted, and find out by themselves that the node is back', async () => {
  const server = await serve(503);
  const { breakers, get, advance } = guard('sample');
  for (let count = 0; count < 9; count++) expect(await get(server.url)).toMatchObject({ status: 503 });
  expect(find(breakers, server.url)).toMatchObject({ state: 'open', failures: 9, rejected: 0, opened: 1 });
  await server.close();
  expect(String(await errorOf(get(server.url)))).toContain('ECONNREFUSED');
  await advance(60_000);
  const back = createServer((_request, response) => response.end('told'));
  await new Promise<void>((resolve) => back.listen(Number(new URL(server.url).port), '127.0.0.1', resolve));
  onTestFinished(() => void back.close());
  await get(server.url);
  await get(server.url);
  expect(find(breakers, server.url)).toMatchObject({ state: 'closed', failures: 10, successes: 2 });
  back.closeAllConnections();
});

test('what is asked of Prometheus is counted apart', async () => {
  const server = await serve(200);
  const { breakers, get } = guard('hold-back', server.url);
  await get(server.url);
  expect(breakers.snapshot()).toMatchObject([{ callClass: 'metrics', successes: 1 }]);
});
