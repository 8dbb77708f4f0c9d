import type { Readable } from 'node:stream';
import { LabError } from '../../../core/errors.ts';

/** One line of the engine's progress while it pulls, builds, loads or imports. */
export interface ProgressEvent {
  status?: string;
  id?: string;
  stream?: string;
  error?: string;
  aux?: { ID?: string };
}

/** Reads the engine's progress to its end. A failure comes as a last line in a successful answer, and is thrown. */
export async function followProgress(
  stream: NodeJS.ReadableStream,
  onEvent: (event: ProgressEvent) => void = () => undefined,
  signal?: AbortSignal,
): Promise<void> {
  const onAbort = (): void => {
    if ('destroy' in stream) void (stream as Readable).destroy();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  let failure: string | undefined;
  try {
    let pending = '';
    for await (const chunk of stream) {
      pending += chunk.toString();
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) failure = take(line, onEvent) ?? failure;
    }
    failure = take(pending, onEvent) ?? failure;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  if (failure !== undefined) throw new LabError(failure);
}

function take(line: string, onEvent: (event: ProgressEvent) => void): string | undefined {
  if (line.trim() === '') return undefined;
  const event = JSON.parse(line) as ProgressEvent;
  onEvent(event);
  return event.error;
}
