import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { buildRelease } from '../../../node/build.ts';
import type { ReleaseOptions } from '../../../node/build.ts';

/** Builds releases into a folder that goes when the test file ends. */
export function releaseBuilder(): (options: Omit<ReleaseOptions, 'output'>) => Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'refchain-releases-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return async (options) => {
    const output = join(folder, `${options.version}-${options.fault ?? 'clean'}-${options.dataFormat ?? 1}.mjs`);
    return (await buildRelease({ ...options, output })).path;
  };
}
