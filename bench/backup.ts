/**
 * Snapshot and restore of 1 GiB beside tar, to the same disk.
 *
 *     node bench/backup.ts
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clearFolder, folderEntries, unpackInto } from '../src/lab/process/folder-snapshot.ts';
import { writeSnapshot } from '../src/lab/snapshot-archive.ts';
import { verifySnapshot } from '../src/lab/verify-snapshot.ts';
import type { TopologyNode } from '../src/topology/topology.ts';
import { compare } from './support/measure.ts';
import { reportLimit } from './support/results.ts';

const run = promisify(execFile);
const pairs = 3;
const limit = 1.3;
const fileCount = 64;
const fileBytes = 16 * 1024 * 1024;

const home = await mkdtemp(join(process.env['SEATRIAL_BENCH_FOLDER'] ?? tmpdir(), 'seatrial-bench-backup-'));
const data = join(home, 'data');
const back = join(home, 'back');
const node = { name: 'node', release: { version: '1.0.0', kind: 'program', digest: 'none' } } as TopologyNode;
const about = { testnet: 'bench', node, createdAt: new Date().toISOString() };
const whose = { testnet: 'bench', node: 'node' };

try {
  await fill();
  let taken = 0;
  const newest = (): string => join(home, `snapshot-${taken}`);
  const written = await compare(
    pairs,
    async () => {
      await rm(newest(), { recursive: true, force: true });
      taken++;
      const { elapsedMs } = await timedWork(() =>
        writeSnapshot(newest(), about, folderEntries(data, new Set()), { system: 'bench' }),
      );
      return elapsedMs;
    },
    async () =>
      (
        await timedWork(() =>
          run('sh', ['-c', `tar cf - -C ${data} . | gzip -1 > ${home}/tar.gz && sync ${home}/tar.gz`]),
        )
      ).elapsedMs,
  );
  reportRatio('Snapshot of 1 GiB', written, '`tar | gzip -1` and sync; ours also hashes every file and the archive');

  const restored = await compare(
    pairs,
    async () => {
      await rm(back, { recursive: true, force: true });
      await mkdir(back);
      const work = async (): Promise<void> => {
        const manifest = await verifySnapshot(newest(), whose, { system: 'bench' });
        await clearFolder(back, new Set());
        await unpackInto(back, newest(), manifest, undefined);
      };
      return (await timedWork(work)).elapsedMs;
    },
    async () => {
      await rm(back, { recursive: true, force: true });
      await mkdir(back);
      // Who wants to know before that the archive is whole must read it twice as well.
      const script = `gzip -dc ${home}/tar.gz | tar df - -C ${data} && sha256sum ${home}/tar.gz && tar xzf ${home}/tar.gz -C ${back}`;
      return (await timedWork(() => run('sh', ['-c', script]))).elapsedMs;
    },
  );
  reportRatio(
    'Restore of 1 GiB, verified before',
    restored,
    '`tar d`, `sha256sum` and then `tar x`: nothing goes back before all of it was read',
  );
} finally {
  await rm(home, { recursive: true, force: true });
}

/** Half of it cannot be compressed, the other half well: what chains keep lies between. */
async function fill(): Promise<void> {
  await mkdir(data);
  for (let number = 0; number < fileCount; number++) {
    const file = await open(join(data, `block-${number}`), 'w');
    const random = randomBytes(fileBytes / 2);
    const text = Buffer.alloc(fileBytes / 2, `{"height":${number},"hash":"${randomBytes(16).toString('hex')}"}\n`);
    await file.write(random);
    await file.write(text);
    await file.close();
  }
}

async function timedWork(work: () => Promise<unknown>): Promise<{ elapsedMs: number }> {
  const startMs = performance.now();
  await work();
  return { elapsedMs: performance.now() - startMs };
}

function reportRatio(
  figure: string,
  { ratio, subject, peer }: { ratio: number; subject: number; peer: number },
  beside: string,
): void {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  reportLimit(figure, ratio, limit, {
    unit: '× tar',
    measured: `${ratio.toFixed(2)} × (${seconds(subject)} and ${seconds(peer)})`,
    how: `to the same disk, beside ${beside}; median of ${pairs} interleaved pairs`,
  });
}
