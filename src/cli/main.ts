import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Help, InvalidArgumentError, Option } from 'commander';
import type { FaultOptions } from './commands/fault.ts';
import type { HealOptions } from './commands/heal.ts';
import type { ApproveOptions } from './commands/control.ts';
import type { DownOptions } from './commands/down.ts';
import type { LoadCommandOptions } from './commands/load.ts';
import type { LogsOptions } from './commands/logs.ts';
import type { ResumeOptions } from './commands/resume.ts';
import type { RunOptions } from './commands/run.ts';
import type { UpOptions } from './commands/up.ts';
import type { ReportOptions } from './commands/report.ts';
import type { ShrinkOptions } from './commands/shrink.ts';
import { addBackupCommands } from './backup-commands.ts';
import { addGateCommands } from './gate-commands.ts';
import { gate, json, parameter } from './options.ts';
import { findRoot } from './root.ts';
import { addScheduleCommands } from './schedule-commands.ts';

/*
 * Commands are imported when they are called: `--help` and a mistyped command must not pay for engines and schemas.
 */
const shortTerms: Record<string, string> = {
  schedule: 'schedule [options] <runbook> …',
  fault: 'fault [options] <kind> <testnet> …',
  backup: 'backup [options] <testnet> …',
  restore: 'restore [options] <testnet> <id> …',
};

const program = new Command('seatrial')
  .description('Testnets as code: gated rolling upgrades, rollbacks and evidence')
  .version('0.1.0')
  .showSuggestionAfterError()
  // Before the commands, which inherit it: wrong use ends with our exit code, not with commander's.
  .exitOverride()
  .configureHelp({
    sortSubcommands: false,
    // One long term would leave no room for what all the others do.
    subcommandTerm: (command) => shortTerms[command.name()] ?? new Help().subcommandTerm(command),
  })
  // What comes after a command is its own: `fault` and `fault list` have options of the same name.
  .enablePositionalOptions()
  .addHelpText(
    'after',
    '\nExit codes: 0 pass, 1 gate failed, 2 refused or wrong use, 3 inconclusive, held or void, 4 lab error, 5 clean-up incomplete, 130 interrupted',
  );

/** The runbooks of the project that the command is called in, for the help. */
function runbookList(): string {
  try {
    const names = readdirSync(join(findRoot(), 'runbooks')).flatMap((file) =>
      file.endsWith('.ts') ? [file.slice(0, -3)] : [],
    );
    return `\nRunbooks: ${names.join(', ')}`;
  } catch {
    return '';
  }
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}

function portNumber(text: string): number {
  const value = positiveInteger(text);
  if (value > 65_535) throw new InvalidArgumentError('must be a port, at most 65535');
  return value;
}

program
  .command('setup')
  .description('get a Pulumi engine for this project')
  .addOption(json())
  .action(async (options: { json?: boolean }) => {
    const { setup } = await import('./commands/toolchain.ts');
    await setup(options);
  });

program
  .command('env')
  .description('shell exports with which a plain `pulumi` works here')
  .addOption(json())
  .action(async (options: { json?: boolean }) => {
    const { env } = await import('./commands/toolchain.ts');
    env(options);
  });

program
  .command('doctor')
  .description('what this machine has and what is missing for which lab')
  .addOption(json())
  .action(async (options: { json?: boolean }) => {
    const { doctor } = await import('./commands/toolchain.ts');
    process.exitCode = await doctor(options);
  });

program
  .command('images')
  .description('build the images that cannot be pulled, from Debian packages')
  .option('--rebuild', 'build again what is there')
  .option('--install', 'install mmdebstrap with apt-get when it is missing')
  .addOption(json())
  .action(async (options: { json?: boolean; rebuild?: boolean; install?: boolean }) => {
    const { images } = await import('./commands/images.ts');
    process.exitCode = await images(options);
  });

program
  .command('render <testnet>')
  .description('write compose/<testnet>/ for people who want only docker compose')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
    const { render } = await import('./commands/render.ts');
    await render(testnet, options);
  });

program
  .command('up <file>')
  .description('make a testnet what its file says: create, mend, or upgrade it node by node')
  .option('--attach', 'adopt nodes that others started (lab: attached); they are looked at and never touched')
  .addOption(json())
  .action(async (file: string, options: UpOptions) => {
    const { up } = await import('./commands/up.ts');
    process.exitCode = await up(file, options);
  });

program
  .command('status <testnet>')
  .description('look at every node once')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
    const { status } = await import('./commands/status.ts');
    await status(testnet, options);
  });

program
  .command('logs <testnet> [nodes...]')
  .description('log lines of all nodes, or of these, by their times')
  .option('--since <time>', 'from then on: ISO 8601, or so long ago as in 10m')
  .option('--until <time>', 'up to then, likewise')
  .option('--grep <pattern>', 'only lines that this regular expression finds something in')
  .option('--tail <lines>', 'only so many of each node, the newest; 100 when nothing else says which', positiveInteger)
  .option('--follow', 'go on with what is written from now on; Ctrl-C leaves')
  .addOption(json())
  .action(async (testnet: string, nodes: string[], options: LogsOptions) => {
    const { logs } = await import('./commands/logs.ts');
    process.exitCode = await logs(testnet, nodes, options);
  });

program
  .command('load <testnet>')
  .description('offer traffic, then look for every transaction that was acknowledged')
  .option('--rate <number>', 'transactions a second', '50')
  .option('--for <duration>', 'as in 60s, 10m, 2h', '60s')
  .option('--nodes <nodes...>', 'only to these nodes')
  .addOption(json())
  .action(async (testnet: string, options: LoadCommandOptions) => {
    const { load } = await import('./commands/load.ts');
    process.exitCode = await load(testnet, options);
  });

program
  .command('plan <runbook> <testnet>')
  .description('show what a run would do; nothing is touched')
  .addOption(parameter())
  .addOption(gate())
  .addOption(json())
  .addHelpText('after', runbookList)
  .action(async (runbook: string, testnet: string, options: RunOptions) => {
    const { plan } = await import('./commands/run.ts');
    await plan(runbook, testnet, options);
  });

program
  .command('run <runbook> <testnet>')
  .description('plan a runbook, then execute exactly that plan')
  .addOption(parameter())
  .addOption(gate())
  .option('--metrics-port <port>', 'serve the metrics of the run on this port of 127.0.0.1', portNumber)
  .addOption(json())
  .addHelpText('after', runbookList)
  .action(async (runbook: string, testnet: string, options: RunOptions) => {
    const { run } = await import('./commands/run.ts');
    process.exitCode = await run(runbook, testnet, options);
  });

addScheduleCommands(program);

const fault = program
  .command('fault')
  // Its own options come after the kind, so that those of its sub-commands are theirs.
  .enablePositionalOptions()
  .description('break something on purpose for a while: shows that it did, holds, heals, and gates what it broke')
  .argument('<kind>', 'what to break, as in partition or pause; `seatrial fault kinds` lists them')
  .argument('<testnet>')
  .argument('[targets...]', 'nodes, roles, or leader')
  .option('--for <duration>', 'how long, from the moment at which its effect is shown, as in 60s; not of restart')
  .addOption(parameter('a parameter of the fault; may be repeated'))
  .addOption(json())
  .action(async (kind: string, testnet: string, targets: string[], options: FaultOptions) => {
    const { fault } = await import('./commands/fault.ts');
    process.exitCode = await fault(kind, testnet, targets, options);
  });

fault
  .command('list <testnet>')
  .description('every fault that acts on a testnet now, and when it ends by itself')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
    const { listFaults } = await import('./commands/fault.ts');
    await listFaults(testnet, options);
  });

fault
  .command('kinds [testnet]')
  .description('what can be broken; of a testnet, what its lab can do here')
  .addOption(json())
  .action(async (testnet: string | undefined, options: { json?: boolean }) => {
    const { listKinds } = await import('./commands/fault.ts');
    await listKinds(testnet, options);
  });

program
  .command('heal <testnet>')
  .description('end the faults that runs of a testnet have left behind')
  .option('--all', 'also those of which no journal here knows')
  .addOption(json())
  .action(async (testnet: string, options: HealOptions) => {
    const { heal } = await import('./commands/heal.ts');
    await heal(testnet, options);
  });

program
  .command('resume <run>')
  .description('let a paused run go on, or go on with one that was cut off, interrupted or held')
  .option('--accept-code <hash>', 'go on though this build is another than the one that began the run')
  .addOption(json())
  .action(async (run: string, options: ResumeOptions) => {
    const { resume } = await import('./commands/resume.ts');
    process.exitCode = await resume(run, options);
  });

program
  .command('pause <run>')
  .description('begin nothing new in a run that is under way, until it is resumed')
  .addOption(json())
  .action(async (run: string, options: { json?: boolean }) => {
    const { pause } = await import('./commands/control.ts');
    await pause(run, options);
  });

program
  .command('approve <run>')
  .description('answer the approval that a run waits for')
  .requiredOption('--plan <hash>', 'the plan that is approved, at least 8 digits of its hash')
  .option('--reject', 'say no: the run takes back what it did')
  .addOption(json())
  .action(async (run: string, options: ApproveOptions) => {
    const { approve } = await import('./commands/control.ts');
    await approve(run, options);
  });

program
  .command('abort [run]')
  .description('end a run and take back what it did, each node behind its gate')
  .option('--all', 'every run of every testnet here that has not ended')
  .addOption(json())
  .action(async (run: string | undefined, options: { all?: boolean; json?: boolean }) => {
    const { abort } = await import('./commands/control.ts');
    process.exitCode = await abort(run, options);
  });

program
  .command('shrink <run>')
  .description('find fewer steps of a random sequence that failed with which it still fails')
  .option('--attempts <number>', 'runs at most', '20')
  .option('--within <duration>', 'no attempt is begun later, as in 30m, 2h', '1h')
  .addOption(json())
  .action(async (run: string, options: ShrinkOptions) => {
    const { shrink } = await import('./commands/shrink.ts');
    process.exitCode = await shrink(run, options);
  });

program
  .command('runs <testnet>')
  .description('list the runs of a testnet, newest first')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
    const { runs } = await import('./commands/runs.ts');
    await runs(testnet, options);
  });

program
  .command('show <run>')
  .description('the journal of a run (by id, or the newest of a testnet), a line an event')
  .addOption(json())
  .action(async (run: string, options: { json?: boolean }) => {
    const { show } = await import('./commands/show.ts');
    await show(run, options);
  });

program
  .command('report [run]')
  .description('the report of a run (by id, or the newest of a testnet), or what two runs differ in')
  .addOption(
    new Option('--format <format>', 'default: html, written beside the journal; text for --compare').choices([
      'html',
      'json',
      'text',
      'junit',
      'markdown',
      'jsonl',
    ]),
  )
  .option('--compare <runs...>', 'two runs: what became worse from the first to the second')
  .option('--output <file>', 'write it there')
  .addOption(json())
  .action(async (run: string | undefined, options: ReportOptions) => {
    const { report } = await import('./commands/report.ts');
    await report(run, options);
  });

addGateCommands(program);

program
  .command('verify <run>')
  .description('make every verdict of a run again from its journal and evidence, and find what was edited')
  .addOption(json())
  .addHelpText(
    'after',
    '\n<run> is an id, a testnet (its newest run), or the folder of a run, wherever it was copied to.',
  )
  .action(async (run: string, options: { json?: boolean }) => {
    const { verify } = await import('./commands/verify.ts');
    process.exitCode = await verify(run, options);
  });

program
  .command('bundle <run>')
  .description('pack everything about a run for a bug report, without secrets')
  .option('--output <file>', 'default: seatrial-<testnet>-<run>.tar.gz here')
  .addOption(json())
  .action(async (run: string, options: { output?: string; json?: boolean }) => {
    const { bundle } = await import('./commands/bundle.ts');
    await bundle(run, options);
  });

addBackupCommands(program);

program
  .command('watch <testnet>')
  .description('nodes and the run under way, live; q or Ctrl-C leaves')
  .option('--once', 'look once')
  .option('--for <seconds>', 'leave after this time', positiveInteger)
  .action(async (testnet: string, options: { once?: boolean; for?: number }) => {
    const { watch } = await import('./commands/watch.ts');
    await watch(testnet, options);
  });

program
  .command('down <testnet>')
  .description('remove everything of a testnet but its runs and reports; or only stop it')
  .option('--keep', 'stop the nodes and remove nothing; `seatrial up` starts them again')
  .addOption(json())
  .action(async (testnet: string, options: DownOptions) => {
    const { down } = await import('./commands/down.ts');
    await down(testnet, options);
  });

// Whoever read the output has gone (a closed pipe, a lost terminal): a run in its middle must not die of that.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

try {
  await program.parseAsync();
} catch (error) {
  const { reportError } = await import('./report-error.ts');
  process.exitCode = reportError(error, process.argv.includes('--json'));
}
