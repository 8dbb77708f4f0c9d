import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ApproveOptions } from './commands/control.ts';
import type { ResumeOptions } from './commands/resume.ts';
import type { ReplayCommandOptions } from './commands/gates.ts';
import type { RunOptions } from './commands/run.ts';
import type { ReportOptions } from './commands/report.ts';
import { findRoot } from './root.ts';

/*
 * Commands are imported when they are called: `--help` and a mistyped command must not pay for engines and schemas.
 */
const program = new Command('seatrial')
  .description('Testnets as code: gated rolling upgrades, rollbacks and evidence')
  .version('0.1.0')
  .showSuggestionAfterError()
  // Before the commands, which inherit it: wrong use ends with our exit code, not with commander's.
  .exitOverride()
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    'after',
    '\nExit codes: 0 pass, 1 gate failed, 2 refused or wrong use, 3 inconclusive or held, 4 lab error, 5 clean-up incomplete, 130 interrupted',
  );

const json = (): Option => new Option('--json', 'print the result as JSON');
const collect = (value: string, all: string[]): string[] => [...all, value];
const parameter = (): Option =>
  new Option('--set <name=value>', 'a parameter of the runbook; may be repeated')
    .argParser(collect)
    .default([], 'none');

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
  .addOption(json())
  .action(async (file: string, options: { json?: boolean }) => {
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
  .description('newest log lines of the nodes')
  .option('--tail <lines>', 'lines of each node', positiveInteger, 100)
  .addOption(json())
  .action(async (testnet: string, nodes: string[], options: { tail: number; json?: boolean }) => {
    const { logs } = await import('./commands/logs.ts');
    await logs(testnet, nodes, options);
  });

program
  .command('plan <runbook> <testnet>')
  .description('show what a run would do; nothing is touched')
  .addOption(parameter())
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
  .option('--metrics-port <port>', 'serve the metrics of the run on this port of 127.0.0.1', portNumber)
  .addOption(json())
  .addHelpText('after', runbookList)
  .action(async (runbook: string, testnet: string, options: RunOptions) => {
    const { run } = await import('./commands/run.ts');
    process.exitCode = await run(runbook, testnet, options);
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

const gates = program.command('gates').description('whether the gates of a testnet can be trusted');

gates
  .command('prove <testnet>')
  .description('show every check of the gate its bad worlds; each must turn. Nothing is touched')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
    const { prove } = await import('./commands/gates.ts');
    process.exitCode = await prove(testnet, options);
  });

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

program
  .command('watch <testnet>')
  .description('nodes and the run under way, live; q or Ctrl-C leaves')
  .option('--once', 'look once')
  .option('--for <seconds>', 'leave after this time', positiveInteger)
  .action(async (testnet: string, options: { once?: boolean; for?: number }) => {
    const { watch } = await import('./commands/watch.ts');
    await watch(testnet, options);
  });

gates
  .command('lint <testnet>')
  .description('find checks and alert rules that could never tell')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
    const { lint } = await import('./commands/gates.ts');
    process.exitCode = await lint(testnet, options);
  });

gates
  .command('replay <testnet>')
  .description('what a gate would have said of a time that is over, from what Prometheus holds of it')
  .requiredOption('--from <time>', 'ISO 8601, or so long ago as in -90m')
  .requiredOption('--to <time>', 'likewise, or now')
  .option('--nodes <nodes...>', 'judge only these nodes')
  .addOption(
    new Option('--gate <profile>', "default: the testnet's own").choices(['smoke', 'quick', 'standard', 'soak']),
  )
  .addOption(json())
  .action(async (testnet: string, options: ReplayCommandOptions) => {
    const { replay } = await import('./commands/gates.ts');
    process.exitCode = await replay(testnet, options);
  });

program
  .command('down <testnet>')
  .description('remove everything of a testnet but its runs and reports')
  .addOption(json())
  .action(async (testnet: string, options: { json?: boolean }) => {
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
