import { createInterface } from 'node:readline';
import { messageOf } from '../../../../core/errors.ts';
import type { AgentAnswer, AgentRequest } from './task.ts';

/** Answers one line of standard input after the other until `answer` says that it was the last. Other lines are passed over. */
export async function answerRequests(
  answer: (request: AgentRequest) => Promise<{ result: unknown; isLast?: boolean }>,
  ended: AbortSignal,
): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const stop = (): void => lines.close();
  ended.addEventListener('abort', stop, { once: true });
  if (ended.aborted) stop();
  for await (const line of lines) {
    const request = requestIn(line);
    if (!request) continue;
    const { call } = request;
    let isLast = false;
    let said: AgentAnswer;
    try {
      const { result, isLast: last = false } = await answer(request);
      isLast = last;
      said = { call, ok: true, result };
    } catch (error) {
      said = { call, ok: false, error: messageOf(error) };
    }
    say(said);
    if (isLast) break;
  }
  process.stdin.destroy();
}

export function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function requestIn(line: string): AgentRequest | undefined {
  try {
    const request = JSON.parse(line) as Partial<AgentRequest> | null;
    return typeof request?.call === 'string' && typeof request.op === 'string' ? (request as AgentRequest) : undefined;
  } catch {
    return undefined;
  }
}
