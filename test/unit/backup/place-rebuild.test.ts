import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BackupManifest, StoredObject } from '../../../src/backup/backup-manifest.ts';
import { folderTarget } from '../../../src/backup/folder-target.ts';
import { placeRebuild } from '../../../src/backup/place-rebuild.ts';
import { bytesSource, store } from '../../../src/backup/stored-objects.ts';
import { sha256 } from '../../../src/core/canonical.ts';
import { RefusedError } from '../../../src/core/errors.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const base = 'net/b1';
const programs = ['one', 'two'].map((text) => ({ text, digest: `sha256:${sha256(Buffer.from(text))}` }));

interface Rebuild {
  root: string;
  kept: string;
  /** Names in the store of releases. */
  stored(): Promise<string[]>;
  place(): Promise<void>;
}

/** A backup of a testnet without keys that ran two programs. */
async function rebuild(): Promise<Rebuild> {
  const root = await temporaryFolder();
  const kept = await temporaryFolder();
  const target = folderTarget(kept);
  const put = (path: string, text: string): Promise<StoredObject> =>
    store(target, base, path, bytesSource(Buffer.from(text)));
  const releases = [];
  for (const { text, digest } of programs) {
    const program = await put(`programs/${text}`, text);
    releases.push({ version: text, kind: 'program' as const, digest, program });
  }
  const [first] = releases;
  if (first) releases.push({ ...first, version: 'the first again' });
  const manifest: BackupManifest = {
    formatVersion: 1,
    id: 'b1',
    testnet: 'net',
    system: 'reference',
    lab: 'process',
    createdAt: '2026-01-01T00:00:00.000Z',
    nodes: [],
    rebuild: {
      spec: await put('net.yaml', 'system: reference\n'),
      allocation: await put('allocation.json', '{}'),
      desired: await put('desired.json', '{}'),
      releases,
    },
  };
  const stateDir = join(root, '.seatrial', 'net');
  const specFile = join(root, 'net.yaml');
  return {
    root,
    kept,
    stored: async () => (await readdir(join(root, '.seatrial', 'releases')).catch((): string[] => [])).sort(),
    place: () => placeRebuild({ target, base, manifest, root, stateDir, specFile, identities: async () => [] }),
  };
}

const fileOf = ({ digest }: { digest: string }): string => `${digest.replace('sha256:', '')}.mjs`;

test('the programs of all releases are put into the store, and the testnet file in its place', async () => {
  const { root, stored, place } = await rebuild();
  await place();
  expect(await stored()).toEqual(programs.map(fileOf).sort());
  expect(existsSync(join(root, 'net.yaml'))).toBe(true);
  // A second time finds all of it there.
  await place();
  expect(await stored()).toEqual(programs.map(fileOf).sort());
});

test('a program that is damaged in the backup keeps all others out of the store, and nothing fetched stays', async () => {
  const { root, kept, stored, place } = await rebuild();
  await writeFile(join(kept, base, 'programs', 'two'), 'TWO');
  await expect(place()).rejects.toThrow(RefusedError);
  expect(await stored()).toEqual([]);
  expect(existsSync(join(root, 'net.yaml'))).toBe(false);
});

test('one that cannot be put in its place leaves nothing that was fetched beside it', async () => {
  const { root, stored, place } = await rebuild();
  const [, two] = programs.map(fileOf) as [string, string];
  await mkdir(join(root, '.seatrial', 'releases', two), { recursive: true });
  await expect(place()).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(await stored()).toEqual(programs.map(fileOf).sort());
});
