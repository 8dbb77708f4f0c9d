import { chmod, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { AbortedError, LabError } from '../../../src/core/errors.ts';
import type { Lab, SnapshotManifest } from '../../../src/lab/lab.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';

/** A stopped node of a lab, whose data can be looked at and changed. */
export interface SnapshotSubject {
  lab: Lab;
  node: TopologyNode;
  /** Another node of the testnet, stopped. */
  other: TopologyNode;
  /** The same lab's nodes as those of another testnet would be reached. */
  testnet: string;
  /** Runs a shell script in the data folder, as root where the lab has root; its output. Absent where there are no files. */
  sh?(script: string): Promise<string>;
  /** Changes the data somehow. */
  spoil(): Promise<void>;
  /** Removes the node, so that the lab knows nothing of it any more, and what its data was. */
  remove(): Promise<void>;
  /** Makes it again, started and stopped once. */
  make(): Promise<void>;
  /** Whatever the data is now; equal for equal data. */
  look(): Promise<string>;
  dispose(): Promise<void>;
}

const system = 'sample';
const bigBytes = 400 * 1024 * 1024;

/** Everything that a snapshot must give back. Owners only where the script runs as root. */
const fill = `
mkdir -p empty 'odd names/deep' shut
printf 'first\\n' > plain; chmod 0640 plain
printf '#!/bin/sh\\n' > run; chmod 4755 run
printf secret > none; chmod 0000 none
printf x > 'odd names/deep/'"$(printf 'a\\nb "quoted" \\\\back *?[ \\303\\274')"
printf dash > ./-rf
printf dots > ..data
printf long > "$(printf '%0200d' 7)"
ln -s plain symbolic
ln -s /nowhere/at/all dangling
ln plain hard
if [ "$(id -u)" = 0 ]; then chown 1234:4321 plain; chown -h 77:88 symbolic; chown 300000:300001 run; chmod 4755 run; fi
printf inside > shut/file
touch -d '2001-02-03 04:05:06' shut/file
chmod 0500 shut
`;

/** Type, mode, owner, links, size or target, and content of everything below the working folder. */
const listProgram = `
const { lstatSync, readdirSync, readFileSync, readlinkSync } = require('node:fs');
const { createHash } = require('node:crypto');
const visit = (path) => {
  const { mode, uid, gid, nlink, mtimeMs } = lstatSync(path);
  const kind = mode & 0o170000;
  const isFolder = kind === 0o040000;
  const link = kind === 0o120000 ? ' -> ' + readlinkSync(path) : '';
  const hash = kind === 0o100000 ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
  const time = kind === 0o100000 ? Math.floor(mtimeMs / 1000) : '';
  console.log([JSON.stringify(path) + link, mode.toString(8), uid, gid, isFolder ? '' : nlink, time, hash].join(' '));
  if (isFolder) for (const name of readdirSync(path).sort()) visit(path + '/' + name);
};
visit('.');
`;

/** A shell command whose output tells everything of the working folder. */
export const list = `node -e '${listProgram.replaceAll("'", `'"'"'`)}'`;

export function snapshotContract(name: string, makeSubject: () => Promise<SnapshotSubject>): void {
  describe(`snapshot contract: ${name}`, { timeout: 120_000 }, () => {
    let subject: SnapshotSubject;
    let home: string;
    let taken = 0;

    beforeAll(async () => {
      subject = await makeSubject();
      home = await mkdtemp(join(tmpdir(), 'seatrial-snapshots-'));
    }, 120_000);

    afterAll(async () => {
      await subject.dispose();
      await rm(home, { recursive: true, force: true });
    }, 60_000);

    const take = async (): Promise<{ folder: string; manifest: SnapshotManifest }> => {
      const folder = join(home, 'deep', `snapshot-${++taken}`);
      return { folder, manifest: await subject.lab.snapshot(subject.node, folder, { system, height: 42 }) };
    };
    const refusal = async (folder: string, node = subject.node, options = {}): Promise<string> => {
      const before = await subject.look();
      const failure: unknown = await subject.lab
        .restore(node, folder, { system, ...options })
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LabError);
      expect(await subject.look()).toBe(before);
      return String(failure);
    };

    test('a snapshot tells whose it is, and nobody else may read it', async () => {
      const { folder, manifest } = await take();
      const { node, testnet } = subject;
      expect(manifest).toMatchObject({
        testnet,
        system,
        node: node.name,
        version: node.release.version,
        digest: node.release.digest,
        height: 42,
      });
      expect(Math.abs(Date.parse(manifest.createdAt) - systemClock.wallMs())).toBeLessThan(120_000);
      expect((await readdir(folder)).sort()).toEqual(['data.tar.gz', 'manifest.json']);
      const modes = await Promise.all(
        [folder, join(folder, 'data.tar.gz'), join(folder, 'manifest.json')].map(
          async (path) => (await stat(path)).mode & 0o777,
        ),
      );
      expect(modes).toEqual([0o700, 0o600, 0o600]);
      expect(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))).toEqual(manifest);
      expect((await stat(join(folder, 'data.tar.gz'))).size).toBe(manifest.archive.sizeBytes);
    });

    test('what was changed since is as it was after a restore', async () => {
      const before = await subject.look();
      const { folder, manifest } = await take();
      await subject.spoil();
      expect(await subject.look()).not.toBe(before);
      await subject.lab.restore(subject.node, folder, { system, sha256: manifest.archive.sha256 });
      expect(await subject.look()).toBe(before);
    });

    test('owners, modes, links, empty folders, times and odd names come back', async ({ skip }) => {
      const { sh } = subject;
      if (!sh) skip('this lab keeps no files');
      await sh?.(fill);
      const before = (await sh?.(list)) ?? '';
      expect(before).toMatch(/symbolic" -> plain/);
      expect(before.split('\n').length).toBeGreaterThan(18);
      const { folder, manifest } = await take();
      expect(manifest.files.map(({ path }) => path)).toEqual(expect.arrayContaining(['.', 'empty', '-rf', '..data']));
      expect(manifest.files.find(({ path }) => path === 'hard' || path === 'plain')).toMatchObject({ type: 'file' });
      await sh?.(
        'chmod 0700 shut; rm -rf plain run shut "odd names" symbolic; mkdir plain; printf new > added; chmod 0777 .',
      );
      await subject.lab.restore(subject.node, folder, { system });
      expect(await sh?.(list)).toBe(before);
    });

    test('a large file with holes passes in bounded memory', async ({ skip }) => {
      const { sh } = subject;
      if (!sh) skip('this lab keeps no files');
      const sum = 'sha256sum < large';
      await sh?.(`head -c 2000000 /dev/urandom > large; truncate -s ${bigBytes} large; printf end >> large`);
      const before = await sh?.(sum);
      let peakBytes = 0;
      const done = new AbortController();
      const watch = (async () => {
        while (!done.signal.aborted) {
          const { heapUsed, arrayBuffers, external } = process.memoryUsage();
          peakBytes = Math.max(peakBytes, heapUsed + arrayBuffers + external);
          await systemClock.sleep(10, done.signal).catch(() => undefined);
        }
      })();
      const { heapUsed, arrayBuffers, external } = process.memoryUsage();
      const { folder, manifest } = await take();
      await sh?.('rm large');
      await subject.lab.restore(subject.node, folder, { system });
      done.abort();
      await watch;
      expect(await sh?.(sum)).toBe(before);
      expect(manifest.files.find(({ path }) => path === 'large')?.sizeBytes).toBe(bigBytes + 3);
      expect(peakBytes).toBeGreaterThan(0);
      expect(peakBytes - heapUsed - arrayBuffers - external).toBeLessThan(160 * 1024 * 1024);
      await sh?.('rm large');
    });

    test('the size of the data is told, to several who ask at once as well', async ({ skip }) => {
      const sizes = await Promise.all([1, 2, 3].map(() => subject.lab.dataSizeBytes(subject.node)));
      if (sizes.includes(undefined)) skip('this engine does not tell sizes');
      for (const sizeBytes of sizes) expect(sizeBytes).toBeGreaterThan(0);
    });

    test('a snapshot of another node, testnet or system is refused, and so is another one than was asked for', async () => {
      const { folder } = await take();
      expect(await refusal(folder, subject.other)).toContain(
        `it is of node ${subject.node.name}, not of ${subject.other.name}`,
      );
      expect(await refusal(folder, subject.node, { system: 'else' })).toContain('it is of system sample, not of else');
      expect(await refusal(folder, subject.node, { sha256: '0'.repeat(64) })).toContain('another one than was taken');
      await edit(folder, (manifest) => ({ ...manifest, testnet: 'elsewhere' }));
      expect(await refusal(folder)).toContain(`it is of testnet elsewhere, not of ${subject.testnet}`);
    });

    test('a single wrong bit, wherever it is, is found before anything is touched', async () => {
      const { folder, manifest } = await take();
      const path = join(folder, 'data.tar.gz');
      const good = await readFile(path);
      const places = [12, Math.floor(manifest.archive.sizeBytes / 2), manifest.archive.sizeBytes - 5];
      for (const place of places) {
        const bad = Buffer.from(good);
        bad[place] = (bad[place] ?? 0) ^ 1;
        await writeFile(path, bad);
        expect(await refusal(folder), `byte ${place}`).toContain('it is damaged');
      }
      await writeFile(path, good);
      await subject.lab.restore(subject.node, folder, { system });
    });

    test('an archive that was cut off, or is missing, is refused', async () => {
      const { folder, manifest } = await take();
      const path = join(folder, 'data.tar.gz');
      await truncate(path, manifest.archive.sizeBytes - 20);
      expect(await refusal(folder)).toContain(
        `has ${manifest.archive.sizeBytes - 20} bytes, not ${manifest.archive.sizeBytes}`,
      );
      await rm(path);
      expect(await refusal(folder)).toContain('has no bytes');
    });

    test('a manifest that tells of other files, or of a path outside, is refused', async () => {
      const { folder, manifest } = await take();
      await edit(folder, () => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, mode: 0o777 })) }));
      expect(await refusal(folder)).toContain('is not what the manifest says');
      const outside = { path: '../escaped', type: 'file', mode: 0o600, uid: 0, gid: 0 } as const;
      await edit(folder, () => ({ ...manifest, files: [...manifest.files, outside] }));
      expect(await refusal(folder)).toContain('"../escaped" is not a path within the data folder');
      await writeFile(join(folder, 'manifest.json'), '{"formatVersion":1');
      expect(await refusal(folder)).toContain('is damaged');
      await writeFile(join(folder, 'manifest.json'), '{"formatVersion":2}');
      expect(await refusal(folder)).toContain('is not a snapshot');
    });

    test('what was cut off in the middle is no snapshot, and the next one takes its place', async () => {
      const { folder } = await take();
      await rm(join(folder, 'manifest.json'));
      await writeFile(join(folder, '.manifest.json.0123'), 'half');
      await truncate(join(folder, 'data.tar.gz'), 10);
      expect(await refusal(folder)).toContain('it is unfinished');
      await subject.lab.snapshot(subject.node, folder, { system });
      expect((await readdir(folder)).sort()).toEqual(['data.tar.gz', 'manifest.json']);
      await subject.lab.restore(subject.node, folder, { system });
    });

    test('a finished snapshot is never written over, and other things in the folder stay', async () => {
      const { folder, manifest } = await take();
      await expect(subject.lab.snapshot(subject.node, folder, { system })).rejects.toThrow(/holds a snapshot already/);
      expect((await readFile(join(folder, 'data.tar.gz'))).length).toBe(manifest.archive.sizeBytes);
    });

    test('a snapshot that cannot be written leaves nothing behind and names the folder', async () => {
      const file = join(home, 'in-the-way');
      await writeFile(file, 'a file');
      await expect(subject.lab.snapshot(subject.node, join(file, 'snapshot'), { system })).rejects.toThrow(
        /could not be written to .*in-the-way/,
      );
      await chmod(file, 0o600);
    });

    test('a call whose signal is aborted does nothing', async () => {
      const { folder } = await take();
      const signal = AbortSignal.abort();
      const before = await subject.look();
      const next = join(home, 'never');
      await expect(subject.lab.snapshot(subject.node, next, { system, signal })).rejects.toThrow(AbortedError);
      await expect(subject.lab.restore(subject.node, folder, { system, signal })).rejects.toThrow(AbortedError);
      expect(await readdir(home)).not.toContain('never');
      expect(await subject.look()).toBe(before);
    });

    test('a snapshot that is aborted in the middle leaves nothing behind', async ({ skip }) => {
      const { sh } = subject;
      if (!sh) skip('this lab keeps no files');
      await sh?.('head -c 60000000 /dev/urandom > bulky');
      const folder = join(home, 'cut');
      const controller = new AbortController();
      const cut = subject.lab.snapshot(subject.node, folder, { system, signal: controller.signal });
      cut.catch(() => undefined);
      await expect
        .poll(async () => (await stat(join(folder, 'data.tar.gz'))).size, { timeout: 20_000, interval: 2 })
        .toBeGreaterThan(100_000);
      controller.abort();
      await expect(cut).rejects.toThrow(AbortedError);
      expect(await readdir(home)).not.toContain('cut');
      await sh?.('rm bulky');
    });

    test('a running node is neither copied nor restored', async () => {
      const { folder } = await take();
      await subject.lab.start(subject.node);
      await expect(subject.lab.snapshot(subject.node, join(home, 'running'), { system })).rejects.toThrow(LabError);
      await expect(subject.lab.restore(subject.node, folder, { system })).rejects.toThrow(LabError);
      expect((await subject.lab.observe(subject.node)).state).toBe('running');
      expect(await readdir(home)).not.toContain('running');
      await subject.lab.stop(subject.node);
    });

    test('the data of a node that does not exist is there when it is made', async () => {
      const { sh } = subject;
      await sh?.('printf kept > marker');
      const before = sh ? 'kept' : await subject.look();
      const { folder } = await take();
      await subject.remove();
      expect((await subject.lab.observe(subject.node)).state).toBe('absent');
      await subject.lab.restore(subject.node, folder, { system });
      expect((await subject.lab.observe(subject.node)).state).toBe('absent');
      await subject.make();
      expect(sh ? await sh('cat marker') : await subject.look()).toBe(before);
    });
  });
}

async function edit(folder: string, change: (manifest: SnapshotManifest) => object): Promise<void> {
  const path = join(folder, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as SnapshotManifest;
  await writeFile(path, JSON.stringify(change(manifest)));
}
