import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../core/files.ts';
import { readAllocation } from '../topology/allocation.ts';
import { secretsFolder } from '../topology/secrets.ts';
import type { Topology } from '../topology/topology.ts';
import type { RebuildSet, StoredObject } from './backup-manifest.ts';
import type { ObjectSource } from './backup-target.ts';
import { sealFolder } from './seal-secrets.ts';
import { bytesSource, fileSource } from './stored-objects.ts';

export interface NamedSource {
  path: string;
  source: ObjectSource;
}

interface RebuildOptions {
  root: string;
  stateDir: string;
  specFile: string;
  topology: Topology;
  /** Asked for only where there are secrets. */
  recipients(): Promise<string[]>;
}

/** What a testnet is built anew from when all of it is gone, as it is now. */
export async function rebuildSources(options: RebuildOptions): Promise<{ set: RebuildSet; sources: NamedSource[] }> {
  const { stateDir, specFile, topology } = options;
  const sources: NamedSource[] = [];
  const add = (path: string, source: ObjectSource): StoredObject => {
    sources.push({ path, source });
    return { path, sizeBytes: source.sizeBytes, sha256: source.sha256 };
  };
  const spec = add('rebuild/testnet.yaml', bytesSource(await readFile(specFile)));
  const allocation = add('rebuild/allocation.json', bytesSource(jsonBytes(await readAllocation(stateDir))));
  const desired = add('rebuild/desired.json', bytesSource(await readFileIfThere(join(stateDir, 'desired.json'))));
  const releases: RebuildSet['releases'] = [];
  for (const { version, kind, digest, programPath } of releasesOf(topology)) {
    const path = `rebuild/programs/${digest.replace('sha256:', '')}`;
    releases.push({
      version,
      kind,
      digest,
      ...(programPath !== undefined && { program: add(path, await fileSource(programPath)) }),
    });
  }
  const folder = secretsFolder(stateDir, '.');
  const sealed = await sealFolder(folder, await recipientsFor(folder, options));
  const secrets = sealed && add('rebuild/secrets.tar.age', bytesSource(sealed));
  return { set: { spec, allocation, desired, releases, ...(secrets && { secrets }) }, sources };
}

function releasesOf({ nodes }: Topology): Topology['nodes'][number]['release'][] {
  return [...new Map(nodes.map(({ release }) => [release.version, release])).values()];
}

async function recipientsFor(folder: string, { recipients }: RebuildOptions): Promise<string[]> {
  const entries = await readdir(folder).catch(() => []);
  return entries.length === 0 ? [] : recipients();
}

async function readFileIfThere(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.from('{}\n');
    throw error;
  }
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}
