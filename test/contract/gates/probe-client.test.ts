import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import { createProbeClient } from '../../../src/gates/probe-client.ts';
import type { ProbeClient } from '../../../src/spec/profile.ts';

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A real server on loopback, and a client for it. */
async function serve(
  listener: RequestListener,
  options: { timeoutMs?: number; maxBytes?: number; signal?: AbortSignal } = {},
): Promise<{ client: ProbeClient; connections: () => number }> {
  const server = createServer(listener);
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const client = createProbeClient({
    baseUrl: () => `http://127.0.0.1:${port}`,
    transport: httpTransport(systemClock),
    ...options,
  });
  return { client, connections: () => connections };
}

describe('the probe client', () => {
  test('reads text and JSON, and reuses its connections', async () => {
    const { client, connections } = await serve((_request, response) => response.end('{"height":7}'));
    expect(await client.getText('http', '/status')).toBe('{"height":7}');
    expect(await client.getJson('http', '/status')).toEqual({ height: 7 });
    for (let call = 0; call < 8; call++) await client.getText('http', '/status');
    expect(connections()).toBeLessThanOrEqual(2);
  });

  test.each([404, 500, 503, 302])('rejects a GET that is answered with %i', async (status) => {
    const { client } = await serve((_request, response) => response.writeHead(status, { location: '/' }).end('no'));
    await expect(client.getText('http', '/health')).rejects.toThrow(`GET /health on http answered ${status}`);
  });

  test('names what is no JSON', async () => {
    const { client } = await serve((_request, response) => response.end('<html>'));
    await expect(client.getJson('http', '/status')).rejects.toThrow('GET /status on http did not answer with JSON');
  });

  test('posts JSON and leaves the status to the caller', async () => {
    const { client } = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => response.writeHead(409).end(`{"echo":${Buffer.concat(chunks).toString()}}`));
    });
    expect(await client.postJson('http', '/tx', { id: 1 })).toEqual({ status: 409, body: { echo: { id: 1 } } });
  });

  test('gives up a call that is not answered in time', async () => {
    const { client } = await serve(() => undefined, { timeoutMs: 50 });
    await expect(client.getText('http', '/health')).rejects.toThrow(/GET http:.*\/health: no answer within 50 ms/);
  });

  test('gives up an answer that begins and does not end', async () => {
    const { client } = await serve((_request, response) => void response.write('half'), { timeoutMs: 50 });
    await expect(client.getText('http', '/health')).rejects.toThrow('no answer within 50 ms');
  });

  test('does not read an answer beyond its limit', async () => {
    const { client } = await serve((_request, response) => response.end('x'.repeat(5000)), { maxBytes: 1000 });
    await expect(client.getText('http', '/metrics')).rejects.toThrow('the answer is larger than 1000 bytes');
  });

  test('says why nobody could be reached', async () => {
    const { client } = await serve((_request, response) => response.end());
    for (const close of closers.splice(0)) close();
    await expect(client.getText('http', '/health')).rejects.toThrow('ECONNREFUSED');
  });

  test('ends at once when its signal is aborted', async () => {
    const stop = new AbortController();
    const { client } = await serve(() => stop.abort(), { timeoutMs: 10_000, signal: stop.signal });
    await expect(client.getText('http', '/health')).rejects.toThrow('the wait was cancelled');
  });
});
