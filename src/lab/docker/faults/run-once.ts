import type Docker from 'dockerode';
import { LabError } from '../../../core/errors.ts';
import type { CallOptions } from '../../call-options.ts';
import { engineCall } from '../engine-call.ts';
import { logLines } from '../output-frames.ts';
import { createAgent, removeContainer, startAgent, type AgentDefinition } from './agent-container.ts';

/** Runs an agent that does one thing and ends; resolves to the last line that it said. */
export async function runOnce<T>(
  docker: Docker,
  what: string,
  definition: AgentDefinition,
  options: CallOptions,
): Promise<T> {
  const container = await createAgent(docker, what, definition, options);
  try {
    await startAgent(what, container, options);
    return await engineCall(what, options, async (abortSignal) => {
      const ended = (await container.wait({ condition: 'not-running', abortSignal })) as { StatusCode: number };
      const log = await container.logs({ stdout: true, stderr: true, abortSignal });
      const lines = logLines(log, false).map(({ text }) => text);
      if (ended.StatusCode === 0) return JSON.parse(lines.at(-1) ?? 'null') as T;
      throw new LabError(`could not ${what}: its agent ended with exit code ${ended.StatusCode}: ${lines.join('; ')}`);
    });
  } finally {
    await removeContainer(container);
  }
}
