import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync } from 'node:fs';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '..', '..');
/** The Node that runs the bench is the one that is measured. */
export const node = process.execPath;
export const cli = join(repository, 'bin', 'seatrial.js');

export interface BenchProject {
  root: string;
  testnet: string;
  stateDir: string;
  seatrial(...args: string[]): string[];
  /** Takes the testnet down, where it is up, and removes the project. Never throws: what went wrong before it must not be hidden. */
  remove(): Promise<void>;
}

/** A project of its own in a temporary folder with one testnet, so that a bench touches nothing of the user's. */
export async function benchProject(lines: readonly string[]): Promise<BenchProject> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'seatrial-bench-')));
  const testnet = `bench-${randomBytes(3).toString('hex')}`;
  await mkdir(join(root, 'stacks'));
  await cp(join(repository, 'stacks', 'index.ts'), join(root, 'stacks', 'index.ts'));
  for (const name of [
    'systems',
    'runbooks',
    'node',
    'src',
    'toolchain',
    'node_modules',
    'package.json',
    'Pulumi.yaml',
  ]) {
    await symlink(join(repository, name), join(root, name));
  }
  await writeFile(join(root, 'stacks', `${testnet}.yaml`), `${lines.join('\n')}\n`);
  return {
    root,
    testnet,
    stateDir: join(root, '.seatrial', testnet),
    seatrial: (...args) => [node, cli, ...args],
    async remove() {
      const { status, stderr } = spawnSync(node, [cli, 'down', testnet], { cwd: root, encoding: 'utf8' });
      if (status !== 0 && !stderr.includes('is not up')) process.stderr.write(stderr);
      await rm(root, { recursive: true, force: true });
    },
  };
}

export const referenceReleases = [
  'system: reference',
  'version: 1.0.0',
  'releases:',
  '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
  '  1.1.0: { build: { context: ../node, args: { version: 1.1.0 } } }',
  'gate: smoke',
  'load: { perSecond: 20 }',
];
