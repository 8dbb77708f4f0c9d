import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { createAnnotator, type Annotator } from '../../../src/report/annotations.ts';
import { writeDurableRun } from '../../helpers/durable-run.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: unknown;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Answers as Grafana does; `status` undefined: never. */
async function grafana(status: number | undefined): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      received.push({ method, url, headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
      if (status === undefined) return;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: 'Annotation added', id: received.length }));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

async function follow(url: string, limits: { timeoutMs?: number; closeMs?: number } = {}): Promise<Annotator> {
  const folder = await temporaryFolder();
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, 'pass:wörd\n', { mode: 0o600 });
  const { runDir } = await writeDurableRun(join(folder, 'local'));
  const annotator = createAnnotator({
    url,
    passwordFile,
    transport: httpTransport(systemClock),
    clock: systemClock,
    testnet: 'local',
    runbook: 'tss-canary',
    ...limits,
  });
  for (const record of (await readJournal(runDir)).records) annotator.onRecord(record);
  return annotator;
}

test('each annotation is a request as the API documents it: path, credentials, times in ms, tags and text', async () => {
  const { url, received } = await grafana(200);
  const annotator = await follow(url);
  await annotator.close();
  expect(received.length).toBeGreaterThan(10);
  expect(annotator.tally).toEqual({ sent: received.length, lost: 0 });
  for (const { method, url: path, headers, body } of received) {
    expect([method, path]).toEqual(['POST', '/api/annotations']);
    expect(headers['content-type']).toBe('application/json');
    expect(headers.authorization).toBe(`Basic ${Buffer.from('admin:pass:wörd').toString('base64')}`);
    const { time, timeEnd, tags, text, ...others } = body as Record<string, unknown>;
    expect(others).toEqual({});
    expect(Number.isInteger(time)).toBe(true);
    expect(timeEnd === undefined || (Number.isInteger(timeEnd) && Number(timeEnd) >= Number(time))).toBe(true);
    expect((tags as string[]).slice(0, 3)).toEqual(['seatrial', 'testnet:local', 'runbook:tss-canary']);
    expect(text).toBeTypeOf('string');
  }
  const bodies = received.map(({ body }) => body as { tags: string[]; text: string });
  expect(bodies.find(({ tags }) => tags.includes('gate'))?.tags).toContain('node:validator-3');
  expect(bodies.map(({ text }) => text)).toContain('step activation: done');
});

test('a Grafana that refuses is left alone after its first answer, and what was lost is counted', async () => {
  const { url, received } = await grafana(401);
  const annotator = await follow(url);
  await annotator.close();
  expect(received).toHaveLength(1);
  expect(annotator.tally).toMatchObject({ sent: 0, problem: 'Grafana answered 401' });
  expect(annotator.tally.lost).toBeGreaterThan(10);
});

test('a Grafana that never answers holds the end of the run up no longer than it is allowed to', async () => {
  const { url } = await grafana(undefined);
  const annotator = await follow(url, { timeoutMs: 60_000, closeMs: 300 });
  const startMs = systemClock.monotonicMs();
  await annotator.close();
  expect(systemClock.monotonicMs() - startMs).toBeLessThan(3_000);
  expect(annotator.tally.sent).toBe(0);
  expect(annotator.tally.lost).toBeGreaterThan(10);
});

test('without a Grafana, or without its password, nothing is thrown', async () => {
  const annotator = await follow('http://127.0.0.1:9');
  await annotator.close();
  expect(annotator.tally.problem).toMatch(/ECONNREFUSED|no answer/);
  const { url, received } = await grafana(200);
  const other = createAnnotator({
    url,
    passwordFile: '/nowhere/password',
    transport: httpTransport(systemClock),
    clock: systemClock,
    testnet: 'local',
    runbook: 'r',
  });
  other.onRecord({ type: 'paused', by: 'x', seq: 0, at: '2026-01-01T00:00:00.000Z', monoMs: 0, prev: '' });
  await other.close();
  expect(received).toEqual([]);
  expect(other.tally).toMatchObject({ sent: 0, lost: 1 });
});
