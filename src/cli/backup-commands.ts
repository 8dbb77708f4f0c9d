import { Option, type Command } from 'commander';
import type { BackupsCommandOptions } from './commands/backups.ts';
import type { RestoreOptions } from './commands/restore.ts';
import { collect, json } from './options.ts';

const from = (): Option =>
  new Option('--from <target>', "a target's name, a folder, or s3://bucket/prefix; may be repeated")
    .argParser(collect)
    .default([], "the testnet file's");

/** Copies of data, and what is made of them. */
export function addBackupCommands(program: Command): void {
  program
    .command('backup <testnet> [nodes...]')
    .description('back up nodes one after the other, or the whole testnet with what it is built from')
    .addOption(
      new Option('--to <target>', "a target's name, a folder, or s3://bucket/prefix; may be repeated")
        .argParser(collect)
        .default([], "the testnet file's"),
    )
    .addOption(json())
    .action(async (testnet: string, nodes: string[], options: { to: string[]; json?: boolean }) => {
      const { backup } = await import('./commands/backup.ts');
      process.exitCode = await backup(testnet, nodes, options);
    });

  program
    .command('restore <testnet> <id> [nodes...]')
    .description('put the data of a backup back, all of it checked before, and prove it')
    .addOption(from())
    .option('--max-age <duration>', 'refuse an older backup, as in 7d')
    .option('--rebuild', 'the testnet is gone: make it anew, with its keys, ports and programs')
    .option('--identity <file>', 'age identity that reads the secrets. Default: .seatrial/backup-identity.txt')
    .option('--accept-double-sign-risk', 'though the chain went on and a validator forgets what it has signed since')
    .addOption(json())
    .addHelpText('after', '\n<id> is one that `seatrial backups` lists, or newest.')
    .action(async (testnet: string, id: string, nodes: string[], options: RestoreOptions) => {
      const { restore } = await import('./commands/restore.ts');
      process.exitCode = await restore(testnet, id, nodes, options);
    });

  program
    .command('backups <testnet>')
    .description('list the backups of a testnet, newest first')
    .addOption(from())
    .option('--verify', 'read every byte of them')
    .option('--prune', 'remove those that the testnet file no longer keeps, and those that were cut off')
    .addOption(json())
    .action(async (testnet: string, options: BackupsCommandOptions) => {
      const { backups } = await import('./commands/backups.ts');
      process.exitCode = await backups(testnet, options);
    });

  program
    .command('snapshots <testnet>')
    .description('list the snapshots that runs took before they changed nodes')
    .option('--verify', 'read every byte of them')
    .addOption(json())
    .action(async (testnet: string, options: { verify?: boolean; json?: boolean }) => {
      const { snapshots } = await import('./commands/snapshots.ts');
      process.exitCode = await snapshots(testnet, options);
    });
}
