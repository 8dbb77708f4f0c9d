import type { LogLine } from '../../lab/lab.ts';
import { NotMakeable, type BadWorld } from './bad-world.ts';
import type { WorldsInputs } from './worlds-inputs.ts';

const check = 'log-errors';

/** The bad worlds of what gates read in logs. */
export function logWorlds({ topology, profile: { logErrors } }: WorldsInputs): BadWorld[] {
  if (!logErrors) return [];
  const nodes = topology.nodes.map(({ name }) => name);
  const about = { checks: [check], nodes, allowanceMs: 0 };
  return [
    {
      ...about,
      name: 'log-errors',
      title: 'the nodes log one error after the other',
      kind: 'harm',
      tampering: () => ({
        logs: (lines, { node, slot, nowMs }) => {
          const text = errorLine(lines.at(-1)?.text, logErrors.matches);
          const count = (slot + 1) * (logErrors.maxPerWindow + 1);
          return [...lines, ...Array.from({ length: count }, (): LogLine => ({ node, atMs: nowMs, text }))];
        },
      }),
    },
    {
      ...about,
      name: 'logs-gone',
      title: 'the lab cannot read the logs',
      kind: 'blind',
      tampering: () => ({
        logs: () => {
          throw new Error('the log cannot be read in this world');
        },
      }),
    },
  ];
}

/** How programs write that something went wrong: JSON with a level, logfmt, plain words. */
const levels = ['error', 'ERROR', 'Error', 'fatal', 'FATAL', 'critical', 'panic', 'err', 'E'];

/** A line as this program could write it that the pattern takes for an error. */
function errorLine(real: string | undefined, pattern: string): string {
  const isError = new RegExp(pattern);
  const words = pattern.split(/[^\w .-]+/).filter((word) => word.length > 1);
  const text = 'something went wrong';
  const candidates = [...levels, ...words].flatMap((word) => [
    ...(real === undefined ? [] : withLevel(real, word)),
    ...[50, 60].map((level) => JSON.stringify({ level, msg: text })),
    JSON.stringify({ level: word, msg: text }),
    `level=${word} msg="${text}"`,
    `${word}: ${text}`,
    `[${word}] ${text}`,
  ]);
  const found = candidates.find((line) => isError.test(line));
  if (found === undefined)
    throw new NotMakeable(`no line that a program would write for an error matches /${pattern}/`);
  return found;
}

function withLevel(real: string, level: string): string[] {
  try {
    const line = JSON.parse(real) as Record<string, unknown>;
    return ['level', 'severity', 'lvl']
      .filter((key) => key in line)
      .map((key) => JSON.stringify({ ...line, [key]: level }));
  } catch {
    return [];
  }
}
