import { Option, type Command } from 'commander';
import type { ReplayCommandOptions } from './commands/gates.ts';
import { json } from './options.ts';

/** `seatrial gates …`. */
export function addGateCommands(program: Command): void {
  const gates = program.command('gates').description('whether the gates of a testnet can be trusted');

  gates
    .command('prove <testnet>')
    .description('show every check of the gate its bad worlds; each must turn. Nothing is touched')
    .addOption(json())
    .action(async (testnet: string, options: { json?: boolean }) => {
      const { prove } = await import('./commands/gates.ts');
      process.exitCode = await prove(testnet, options);
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
    .requiredOption('--from <time>', 'ISO 8601, or so long ago as in 90m')
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
}
