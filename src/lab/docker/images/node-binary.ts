import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The Node.js binary that goes into the local runtime image: the npm package's where it is installed, else the one that runs this. */
export async function findNodeBinary(): Promise<{ path: string; version: string }> {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json');
    const path = join(dirname(manifest), 'bin/node');
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    if (existsSync(path)) return { path, version };
  } catch {
    // The package is a development dependency; an installation without it is usual.
  }
  return { path: process.execPath, version: process.versions.node };
}
