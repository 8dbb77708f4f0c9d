import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, release } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import { evidenceFolder } from '../../journal/run-files.ts';
import { writeBundle, type BundleFile } from '../../report/bundle.ts';
import { createScrubber, secretValues } from '../../report/scrub.ts';
import { findRun, type FoundRun } from '../find-run.ts';
import { print, printJson } from '../output.ts';
import { writeReport } from './report.ts';

/** Files of the testnet that say what was meant to run. Never those under secrets/ and nodes/. */
const stateFiles = ['topology.json', 'desired.json', 'allocation.json', 'releases.json', 'passed.json', 'lock.json'];
const runFiles = [
  'journal.jsonl',
  'observations.jsonl',
  'ledger.jsonl',
  'report.html',
  'report.json',
  'metrics.txt',
  'breakers.json',
];

/** `seatrial bundle <run>`: everything about a run in one archive for a bug report, without secrets. */
export async function bundle(reference: string, options: { output?: string; json?: boolean }): Promise<void> {
  const run = await findRun(reference);
  const output = resolve(options.output ?? `seatrial-${run.testnet}-${run.runId}.tar.gz`);
  const problems: string[] = [];
  await writeReport(run.runDir).catch((error: unknown) => {
    problems.push(`the report could not be made: ${messageOf(error)}`);
  });
  const testnetFile = join(run.root, 'stacks', `${run.testnet}.yaml`);
  const scrub = createScrubber([...(await secretsOf(run.stateDir)), ...(await namedSecrets(run, testnetFile))]);
  const folder = `seatrial-${run.testnet}-${run.runId}`;
  const manifest = await writeBundle(
    output,
    folder,
    [
      ...runFiles.map((name): BundleFile => ({ name, path: join(run.runDir, name) })),
      ...(await evidenceFiles(run.runDir)),
      { name: 'testnet/testnet.yaml', path: testnetFile },
      ...stateFiles.map((name): BundleFile => ({ name: `testnet/${name}`, path: join(run.stateDir, name) })),
      { name: 'versions.json', content: `${JSON.stringify({ ...(await versions(run)), problems }, null, 2)}\n` },
    ],
    scrub,
  );
  if (options.json) {
    printJson({ bundle: output, ...manifest, problems });
    return;
  }
  const changed = manifest.files.filter(({ scrubbed }) => scrubbed).map(({ name }) => name);
  print(`${output} (${manifest.files.length} files)`);
  if (changed.length > 0) print(`secrets were removed from: ${changed.join(', ')}`);
  for (const problem of problems) print(problem);
}

async function evidenceFiles(runDir: string): Promise<BundleFile[]> {
  const folder = evidenceFolder(runDir);
  const names = await readdir(folder).catch(ifMissing<string[]>([]));
  return names.sort().map((name) => ({ name: `evidence/${name}`, path: join(folder, name) }));
}

/** Content of every file under secrets/ of the testnet, and of the copies that nodes on this machine have. */
async function secretsOf(stateDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ['secrets', 'nodes']) {
    const entries = await readdir(join(stateDir, folder), { recursive: true, withFileTypes: true }).catch(
      ifMissing([]),
    );
    for (const entry of entries) {
      const isSecret = folder === 'secrets' || entry.parentPath.split('/').includes('secrets');
      if (entry.isFile() && isSecret) found.push(await readFile(join(entry.parentPath, entry.name), 'utf8'));
    }
  }
  return found;
}

/** Values that the testnet's file and its topology give to names that speak of secrets, such as an env variable DB_PASSWORD. */
async function namedSecrets({ stateDir }: FoundRun, testnetFile: string): Promise<string[]> {
  const read = async (path: string): Promise<unknown> => {
    const text = await readFile(path, 'utf8').catch(ifMissing(''));
    try {
      return parse(text, { logLevel: 'silent' }) as unknown;
    } catch {
      return undefined;
    }
  };
  return [...secretValues(await read(testnetFile)), ...secretValues(await read(join(stateDir, 'topology.json')))];
}

async function versions({ root }: FoundRun): Promise<Record<string, unknown>> {
  const require = createRequire(import.meta.url);
  const { version, dependencies } = require('../../../package.json') as {
    version: string;
    dependencies: Record<string, string>;
  };
  return {
    seatrial: version,
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    docker: await dockerVersion(),
    packages: dependencies,
    project: root.split('/').at(-1),
  };
}

/** The engine's version, or why it is not known. */
async function dockerVersion(): Promise<string> {
  try {
    const { connectDocker } = await import('../../lab/docker/connection.ts');
    const { docker } = await connectDocker();
    const found = await docker.version();
    return `${found.Version} (API ${found.ApiVersion}, ${found.Os}/${found.Arch})`;
  } catch (error) {
    return `not known: ${messageOf(error)}`;
  }
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isErrno(error, 'ENOENT')) return value;
    throw error;
  };
}
