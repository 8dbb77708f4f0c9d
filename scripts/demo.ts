/**
 * The main job on the embedded process lab: a chain is brought up, upgraded node by node under load, a bad release is refused at the
 * first node and rolled back, and the report shows it. Needs nothing but Node.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

const root = join(import.meta.dirname, '..');
const testnet = 'local';

async function seatrial(args: string[], expectedExit = 0): Promise<string> {
  console.log(`\n$ seatrial ${args.join(' ')}`);
  const result = await execa(process.execPath, [join(root, 'bin/seatrial.js'), ...args], {
    cwd: root,
    reject: false,
    stdout: ['inherit', 'pipe'],
    stderr: 'inherit',
    stdin: 'ignore',
  });
  if (result.exitCode !== expectedExit) {
    throw new Error(
      `seatrial ${args[0] ?? ''} ended with exit code ${result.exitCode ?? 'none'}; ${expectedExit} was expected`,
    );
  }
  return result.stdout;
}

// Ctrl-C reaches the command that runs; what it leaves up is taken down below.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

if (existsSync(join(root, '.seatrial', testnet, 'topology.json'))) {
  console.error(`the testnet ${testnet} is up already; take it down first with: npx seatrial down ${testnet}`);
  process.exitCode = 2;
} else {
  try {
    await seatrial(['up', 'stacks/local.yaml']);
    await seatrial(['run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0']);
    // The release answers its health check and never commits: the gate must say so, and the run ends with 1.
    await seatrial(['run', 'rolling-upgrade', testnet, '--set', 'version=1.2.0-bad'], 1);
    await seatrial(['status', testnet]);
    await seatrial(['report', testnet, '--format', 'text']);
    const page = (await seatrial(['report', testnet])).trim();
    console.log(`\nThe bad release was refused at the first node and rolled back. The report: ${page}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await seatrial(['down', testnet]).catch((error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    });
  }
}
