import { UsageError } from '../../core/errors.ts';
import { loadRunbook } from '../../engine/load-runbook.ts';
import { withGate } from '../../engine/planning/gate-override.ts';
import { planHash } from '../../engine/planning/plan.ts';
import { prepareRunbook } from '../../engine/planning/prepare.ts';
import type { Plan } from '../../journal/records.ts';
import type { GateProfileName } from '../../spec/testnet.ts';
import { executeAndReport, openNamedProject, requireDeployed, withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import { accessLab } from '../labs.ts';
import { print, printJson } from '../output.ts';
import { planText } from '../plan-text.ts';

export interface RunOptions {
  set: string[];
  json?: boolean;
  /** Instead of that of the testnet file. */
  gate?: GateProfileName;
  /** Serve the run's metrics on this port of loopback. */
  metricsPort?: number;
}

/** `--set name=value`, as often as needed. */
export function parseParameters(set: readonly string[]): Record<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of set) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--set takes name=value, not ${pair}`);
    const name = pair.slice(0, at);
    if (parameters.has(name)) throw new UsageError(`--set ${name}=… is given twice: which one counts?`);
    parameters.set(name, pair.slice(at + 1));
  }
  return Object.fromEntries(parameters);
}

/** `seatrial plan <runbook> <testnet>`: what `run` would do; nothing is touched. */
export async function plan(runbookName: string, testnet: string, options: RunOptions): Promise<void> {
  const found = await planned(runbookName, testnet, options);
  if (options.json) printJson({ planHash: planHash(found), ...found });
  else print(planText(found));
}

/** The plan that `run` would follow now. Throws what `run` would refuse. */
export async function planned(runbookName: string, testnet: string, options: RunOptions): Promise<Plan> {
  const { project, access, runbook } = await open(runbookName, testnet, options);
  try {
    return (await prepareRunbook(project, access.lab, runbook, parseParameters(options.set))).plan;
  } finally {
    await access.lab.close();
  }
}

/** `seatrial run <runbook> <testnet>`: plans, then executes exactly that plan. */
export async function run(runbookName: string, testnet: string, options: RunOptions): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { project, access, runbook } = await open(runbookName, testnet, options);
    try {
      const notice = (text: string): void => void process.stderr.write(`${text}\n`);
      return await withLock(project.stateDir, `run ${runbookName}`, notice, async () => {
        const prepared = await prepareRunbook(
          project,
          access.lab,
          runbook,
          parseParameters(options.set),
          interrupt.signal,
        );
        return executeAndReport(project, prepared, access, options, interrupt);
      });
    } finally {
      await access.lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

async function open(runbookName: string, testnet: string, { gate }: RunOptions) {
  const project = withGate(await openNamedProject(testnet), gate);
  const runbook = await loadRunbook(project.root, runbookName);
  await requireDeployed(project);
  const topology = await project.topology(project.desired);
  return { project, runbook, access: await accessLab(project, topology) };
}
