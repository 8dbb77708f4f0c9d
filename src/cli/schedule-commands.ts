import { Option, type Command } from 'commander';
import type { ScheduleOptions } from './commands/schedule.ts';
import { gate, json, parameter } from './options.ts';

/** Runs that something else starts. */
export function addScheduleCommands(program: Command): void {
  program
    .command('schedule <runbook> <testnet>')
    .description('write a systemd timer or a cron line that runs a runbook; nothing is enabled')
    .option('--every <when>', 'hourly, daily, weekly, monthly, quarterly, or the five fields of cron, in local time')
    .addOption(new Option('--as <form>', 'what is written').choices(['systemd', 'cron']).default('systemd'))
    .option('--system', 'units of the system instead of the user; they run as you')
    .option('--write <folder>', 'where. Default: .seatrial/schedules')
    .option('--remove', 'remove what was written, and forget the schedule')
    .addOption(parameter())
    .addOption(gate())
    .addOption(json())
    .action(async (runbook: string, testnet: string, options: ScheduleOptions) => {
      const { schedule } = await import('./commands/schedule.ts');
      await schedule(runbook, testnet, options);
    });

  program
    .command('schedules [testnet]')
    .description('list what is scheduled with its last run; ends with 1 when something is overdue')
    .addOption(json())
    .action(async (testnet: string | undefined, options: { json?: boolean }) => {
      const { schedules } = await import('./commands/schedules.ts');
      process.exitCode = await schedules(testnet, options);
    });
}
