import { ConfigError, readConfig } from './config.ts';
import type { Config } from './config.ts';
import { jsonLog } from './log.ts';
import { startNode } from './node.ts';
import { faults, version } from './release.ts';

process.stdout.on('error', () => undefined);

function fail(error: unknown, code: number): void {
  const message = error instanceof Error ? error.message : String(error);
  jsonLog('error', (line) => process.stdout.write(line))('error', 'node failed', { error: message, exitCode: code });
  process.stderr.write(`refchain: ${message}\n`);
  end(code);
}

/** Sockets and timers may still be open; the process ends all the same. */
function end(code: number): never {
  // eslint-disable-next-line no-restricted-properties -- this is the command line entry
  process.exit(code);
}

async function run(config: Config): Promise<void> {
  const log = jsonLog(config.logLevel, (line) => process.stdout.write(line));
  if (faults?.exitsAtStart) throw new Error('this release cannot start');
  let stop = async (): Promise<void> => undefined;
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      log('info', 'stopping', { signal });
      void stop().then(
        () => {
          log('info', 'stopped');
          end(0);
        },
        (error: unknown) => fail(error, 1),
      );
    });
  }
  stop = await startNode(config, log);
  if (faults?.endsAfterMs) setTimeout(() => fail(new Error('this release does not last'), 1), faults.endsAfterMs);
}

// A failed write to the log or the store must end the process: to go on would be to sign what is not remembered.
process.on('uncaughtException', (error) => fail(error, 1));

try {
  const config = readConfig(process.argv.slice(2));
  if (config === 'version') process.stdout.write(`${version}\n`);
  else await run(config);
} catch (error) {
  fail(error, error instanceof ConfigError ? 2 : 1);
}
