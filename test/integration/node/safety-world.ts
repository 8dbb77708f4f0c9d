import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import { createProbeClient } from '../../../src/gates/probe-client.ts';
import type { WriteRecord } from '../../../src/safety/write-record.ts';
import type { ProbeClient } from '../../../src/spec/profile.ts';
import profile from '../../../systems/reference/profile.ts';
import type { TestNetwork } from './test-network.ts';

const submitTimeoutMs = 1500;
const pauseMs = 15;

export function clientsOf(network: TestNetwork): Map<string, ProbeClient> {
  const transport = httpTransport(systemClock);
  return new Map(
    network.ids.map((id) => [
      id,
      createProbeClient({ baseUrl: () => network.url(id, ''), transport, timeoutMs: 2 * submitTimeoutMs }),
    ]),
  );
}

/** One client a node, each of which sends a write once it knows what became of the one before. */
export function startWriting(clients: ReadonlyMap<string, ProbeClient>): () => Promise<WriteRecord[]> {
  const writes: WriteRecord[] = [];
  const stopping = new AbortController();
  const write = async (node: string, client: ProbeClient): Promise<void> => {
    for (let sequence = 0; !stopping.signal.aborted; sequence++) {
      const sentMs = performance.now();
      const payload = `${node}-${sequence}`;
      const result = await profile.submit?.(client, { sequence: sequence % 7, payload, timeoutMs: submitTimeoutMs });
      if (result) writes.push({ ...result, node, client: node, sentMs, answeredMs: performance.now() });
      await sleep(pauseMs);
    }
  };
  const running = [...clients].map(([node, client]) => write(node, client));
  return async () => {
    stopping.abort();
    await Promise.all(running);
    return writes;
  };
}
