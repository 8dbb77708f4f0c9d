import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import { systemClock } from '../../../core/clock.ts';
import { LabError } from '../../../core/errors.ts';
import type { CallOptions } from '../../call-options.ts';
import { engineCall } from '../engine-call.ts';
import { FrameDecoder } from '../output-frames.ts';
import type { AgentAnswer, AgentRequest } from './agent/task.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const LAST_WORDS_MS = 200;

type WithoutCall<T> = T extends unknown ? Omit<T, 'call'> : never;

/**
 * Asks an agent one thing over its container's standard input and output, which reach it whatever happens to the node's network.
 * Several may ask at once: answers carry the name of their call.
 */
export async function askAgent<T>(
  container: Docker.Container,
  what: string,
  request: WithoutCall<AgentRequest>,
  options: CallOptions,
): Promise<T> {
  const call = randomBytes(8).toString('hex');
  const limits = { defaultTimeoutMs: DEFAULT_TIMEOUT_MS, ...options };
  const answer = await engineCall(what, limits, async (abortSignal) => {
    const attach = { stream: true, stdin: true, stdout: true, hijack: true, abortSignal };
    const stream = (await container.attach(attach)) as NodeJS.ReadWriteStream & { destroy(): void };
    const onAbort = (): void => stream.destroy();
    abortSignal.addEventListener('abort', onAbort, { once: true });
    const answered = new AbortController();
    // Whoever attaches to a container while it ends may wait for ever: the engine does not always end the stream.
    const ending = endOf(container, AbortSignal.any([abortSignal, answered.signal])).then(onAbort);
    try {
      stream.write(`${JSON.stringify({ ...request, call })}\n`);
      return await answerTo(call, stream);
    } finally {
      answered.abort();
      abortSignal.removeEventListener('abort', onAbort);
      stream.destroy();
      await ending;
    }
  });
  if (answer === undefined) throw new LabError(`could not ${what}: its agent ended before it answered`);
  if (!answer.ok) throw new LabError(`could not ${what}: ${answer.error}`);
  return answer.result as T;
}

/** Resolves a moment after the container ended, so that its last words arrive; at once when nobody waits for that any more. */
async function endOf(container: Docker.Container, signal: AbortSignal): Promise<void> {
  try {
    await container.wait({ condition: 'not-running', abortSignal: signal });
    await systemClock.sleep(LAST_WORDS_MS, signal);
  } catch {
    // It is gone, or was heard.
  }
}

async function answerTo(call: string, stream: AsyncIterable<unknown>): Promise<AgentAnswer | undefined> {
  const decoder = new FrameDecoder();
  let pending = '';
  for await (const chunk of stream) {
    for (const { content } of decoder.push(chunk as Buffer)) pending += content.toString('utf8');
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) {
      const said = parse(line);
      if (said?.call === call) return said;
    }
  }
  return undefined;
}

function parse(line: string): AgentAnswer | undefined {
  try {
    return JSON.parse(line) as AgentAnswer;
  } catch {
    return undefined;
  }
}
