import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../../core/files.ts';
import { abortedError } from '../../core/clock.ts';
import { messageOf, SpecError, type SpecProblem } from '../../core/errors.ts';
import type { MonitoringInputs, UserFile } from './build-monitoring.ts';
import { problemsInAlertmanagerFile, problemsInDashboards, problemsInRuleFile } from './file-structure.ts';

export interface CheckInputs {
  user: MonitoringInputs['user'];
  signal?: AbortSignal | undefined;
  /** Limit of each program's run. Default 10 s. */
  timeoutMs?: number;
  /** The programs that check rules and the Alertmanager's file; looked up on PATH. Default promtool and amtool. */
  programs?: { promtool: string; amtool: string };
}

const defaultTimeoutMs = 10_000;
/** Name under which the Alertmanager's file is reported when it came without one. */
const alertmanagerName = 'alertmanager.yml';

/**
 * Checks the user's monitoring files before anything is made of them: structure always, and with promtool and amtool where
 * these programs are. Throws one SpecError with all problems, each with its file and line as far as they are known.
 */
export async function checkMonitoringFiles(inputs: CheckInputs): Promise<void> {
  const { user, signal } = inputs;
  if (signal?.aborted) throw abortedError(signal);
  const { promtool, amtool } = inputs.programs ?? { promtool: 'promtool', amtool: 'amtool' };
  const folder = await mkdtemp(join(tmpdir(), 'seatrial-check-'));
  try {
    const problems = problemsInDashboards(user.dashboards);
    for (const file of user.rules) {
      const structural = problemsInRuleFile(file);
      const run = { ...inputs, folder, file, command: [promtool, 'check', 'rules'] };
      problems.push(...(structural.length > 0 ? structural : await problemsOfProgram(run)));
    }
    if (user.alertmanager !== undefined) {
      const file = { name: alertmanagerName, content: user.alertmanager };
      const structural = problemsInAlertmanagerFile(file);
      const run = { ...inputs, folder, file, command: [amtool, 'check-config'] };
      problems.push(...(structural.length > 0 ? structural : await problemsOfProgram(run)));
    }
    if (problems.length > 0) throw new SpecError(problems);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface ProgramRun extends CheckInputs {
  folder: string;
  file: UserFile;
  command: string[];
}

async function problemsOfProgram({ folder, file, command, signal, timeoutMs }: ProgramRun): Promise<SpecProblem[]> {
  const [program = '', ...args] = command;
  const path = join(folder, 'checked.yml');
  await writeFileAtomic(path, file.content);
  const { execa } = await import('execa');
  const result = await execa(program, [...args, path], {
    reject: false,
    all: true,
    timeout: timeoutMs ?? defaultTimeoutMs,
    ...(signal && { cancelSignal: signal }),
  });
  if (signal?.aborted) throw abortedError(signal);
  // The program is an additional check; a machine without it has had the structural one.
  if (!result.failed || result.code === 'ENOENT') return [];
  if (result.timedOut) return [{ message: `${program} did not finish checking ${file.name}: ${messageOf(result)}` }];
  const problems = parseProblems(result.all, path, file);
  return problems.length > 0 ? problems : [{ message: `${file.name}: ${program} refused it: ${result.all.trim()}` }];
}

/** Lines such as `<path>: 5:15: group "x", …`, `<path>: yaml: line 3: …`, `Checking '<path>'  FAILED: …`, and `  line 7: …`. */
function parseProblems(output: string, path: string, file: UserFile): SpecProblem[] {
  const messages = output
    .split('\n')
    .map((line) =>
      line
        .replace(`Checking '${path}'`, '')
        .replace(`${path}: `, '')
        .replace(/^\s*FAILED:/, '')
        .trim(),
    )
    .filter((line) => line !== '' && !isChatter(line, path));
  return [...new Set(messages)].map((message) => {
    const [, line, column, rest] = /^(?:yaml: )?(?:line )?(\d+)(?::(\d+))?: (.*)$/.exec(message) ?? [];
    if (line === undefined || rest === undefined) return { message: `${file.name}: ${message}` };
    return { message: rest, position: { file: file.name, line: Number(line), column: Number(column ?? 1) } };
  });
}

function isChatter(line: string, path: string): boolean {
  return line === `Checking ${path}` || line.startsWith('amtool: error:') || line === 'yaml: unmarshal errors:';
}
