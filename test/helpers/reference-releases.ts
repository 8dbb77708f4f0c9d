import { join } from 'node:path';
import { buildRelease, type ReleaseOptions } from '../../node/build.ts';

/** A release of the reference node as a testnet file names it. */
export type NamedRelease = Omit<ReleaseOptions, 'output'>;

/** Builds releases once, so that every command of a test finds them as programs; returns the lines of `releases:`. */
export async function buildReleases(folder: string, releases: readonly NamedRelease[]): Promise<string> {
  const lines: string[] = [];
  for (const release of releases) {
    const name = release.fault === undefined ? release.version : `${release.version}-${release.fault}`;
    const { path } = await buildRelease({ ...release, version: name, output: join(folder, `${name}.mjs`) });
    lines.push(`  ${name}: { program: ${path} }`);
  }
  return lines.join('\n');
}
