import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { abortedError, type Clock } from '../../core/clock.ts';
import type { LogLine, LogStreamOptions } from '../lab.ts';
import { engineCall } from './engine-call.ts';
import { LogLineDecoder } from './output-frames.ts';
import { findContainer, hasProcess, ownContainer, type ContainerFacts } from './owned-container.ts';

/** Between two looks whether a container that has ended is back, or replaced, in ms. */
const REATTACH_MS = 500;

interface Source {
  docker: Docker;
  testnet: string;
  /** Node or monitoring service. */
  member: string;
  clock: Clock;
}

/** The lines of a container's log; see `Lab.streamLogs`. */
export async function* streamContainerLog(source: Source, options: LogStreamOptions): AsyncGenerator<LogLine> {
  const { docker, testnet, member, clock } = source;
  const { signal, follow } = options;
  let { facts, container } = await ownContainer(docker, testnet, member, { signal });
  let wanted: LogStreamOptions = options;
  for (;;) {
    let lastMs: number | undefined;
    for await (const line of linesOf(container, member, facts, wanted)) {
      lastMs = line.atMs ?? lastMs;
      yield line;
    }
    if (!follow) return;
    // It has ended. Whatever is under its name next is followed from here on.
    const sinceMs = lastMs === undefined ? (wanted.sinceMs ?? clock.wallMs()) : lastMs + 1;
    wanted = { signal, follow, sinceMs };
    for (;;) {
      await clock.sleep(REATTACH_MS, signal);
      const found = await findContainer(docker, testnet, member, { signal });
      if (found.state !== 'owned' || !hasProcess(found.facts)) continue;
      ({ facts, container } = found);
      break;
    }
  }
}

async function* linesOf(
  container: Docker.Container,
  member: string,
  facts: ContainerFacts,
  { signal, sinceMs, tail, follow = false }: LogStreamOptions,
): AsyncGenerator<LogLine> {
  // The call's own deadline is for its answer to begin; what follows lasts as long as it is read.
  const request = new AbortController();
  const query = {
    ...{ stdout: true, stderr: true, timestamps: true, follow, tail: tail ?? 'all' },
    ...(sinceMs !== undefined && { since: (sinceMs / 1000).toFixed(3) }),
  };
  const end = (): void => request.abort();
  signal?.addEventListener('abort', end, { once: true });
  let stream: Readable;
  try {
    stream = await engineCall(`read the log of ${member}`, { signal }, () => openLog(container, query, request.signal));
  } catch (error) {
    signal?.removeEventListener('abort', end);
    end();
    throw error;
  }
  const decoder = new LogLineDecoder(facts.Config.Tty);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      for (const line of decoder.push(chunk)) yield { node: member, ...line };
    }
    for (const line of decoder.end()) yield { node: member, ...line };
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    throw error;
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
  if (signal?.aborted) throw abortedError(signal);
}

/** dockerode itself reads a log that is not followed into memory as a whole. */
function openLog(container: Docker.Container, query: object, abortSignal: AbortSignal): Promise<Readable> {
  const { modem, id } = container as unknown as { modem: Modem; id: string };
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        path: `/containers/${id}/logs?`,
        method: 'GET',
        isStream: true,
        abortSignal,
        statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
        options: query,
      },
      (error, stream) => (stream ? resolve(stream) : reject(error ?? new Error('the engine gave no log'))),
    );
  });
}

interface Modem {
  dial(options: object, callback: (error: Error | null, stream: Readable | null) => void): void;
}
