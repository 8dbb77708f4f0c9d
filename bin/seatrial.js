#!/usr/bin/env node
// Plain JavaScript, so that an old Node can say what is missing instead of failing on the first type annotation.
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isNewEnough = major > 22 || (major === 22 && minor >= 18);

const [first] = process.argv.slice(2);

if (first === undefined || ((first === '--help' || first === '-h') && process.argv.length === 3)) {
  // The help as a file: nothing has to be loaded to print it. A test keeps it equal to what the commands say.
  process.stdout.write(readFileSync(new URL('help.txt', import.meta.url)));
  if (first === undefined) process.exitCode = 2;
} else if (isNewEnough) {
  module.enableCompileCache?.();
  await import('../src/cli/main.ts');
} else {
  const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(bundled)) {
    const { spawnSync } = await import('node:child_process');
    const { status, signal } = spawnSync(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
      stdio: 'inherit',
    });
    process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 4);
  } else {
    console.error(
      `seatrial needs Node 22.18 or newer; this is ${process.versions.node}. Run \`npm ci\` in the project first.`,
    );
    process.exitCode = 2;
  }
}
