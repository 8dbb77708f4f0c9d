import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { exitCode } from '../../core/exit-code.ts';
import { stateFolder } from '../../engine/state.ts';
import { testnetFile } from '../../engine/testnet-files.ts';
import type { SnapshotManifest } from '../../lab/lab.ts';
import { readSnapshotManifest } from '../../lab/snapshot-manifest.ts';
import { verifySnapshot } from '../../lab/verify-snapshot.ts';
import { formatAge, formatBytes } from '../backup-text.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson, table } from '../output.ts';
import { resolveReference } from '../root.ts';

interface FoundSnapshot {
  run: string;
  node: string;
  manifest: SnapshotManifest | undefined;
  problem: string | undefined;
}

/** `seatrial snapshots <testnet>`: what runs copied before they changed nodes, newest run first. */
export async function snapshots(reference: string, options: { verify?: boolean; json?: boolean }): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { root, name } = resolveReference(reference);
    const home = join(stateFolder(root, name), 'snapshots');
    const found: FoundSnapshot[] = [];
    for (const run of (await namesIn(home)).sort().reverse()) {
      for (const node of (await namesIn(join(home, run))).sort()) {
        found.push({ run, node, ...(await look(join(home, run, node), name, node, options.verify, interrupt.signal)) });
      }
    }
    // The snapshots of a testnet outlive its file.
    if (found.length === 0) await testnetFile(root, name);
    if (options.json) printJson({ testnet: name, snapshots: found.map((one) => asJson(one, options.verify)) });
    else print(found.length === 0 ? `${name} has no snapshots` : listText(found, options.verify));
    return options.verify && found.some(({ problem }) => problem !== undefined) ? exitCode.failed : 0;
  } finally {
    interrupt.dispose();
  }
}

async function look(
  folder: string,
  testnet: string,
  node: string,
  verify: boolean | undefined,
  signal: AbortSignal,
): Promise<Pick<FoundSnapshot, 'manifest' | 'problem'>> {
  try {
    const manifest = await readSnapshotManifest(folder);
    if (!manifest) return { manifest, problem: 'unfinished: it was cut off' };
    if (verify) await verifySnapshot(folder, { testnet, node }, { system: manifest.system, signal });
    return { manifest, problem: undefined };
  } catch (error) {
    if (signal.aborted) throw error;
    return { manifest: undefined, problem: messageOf(error) };
  }
}

function listText(found: readonly FoundSnapshot[], verify = false): string {
  const nowMs = systemClock.wallMs();
  const rows = found.map(({ run, node, manifest, problem }) => [
    run,
    node,
    manifest?.version ?? '-',
    manifest?.height?.toString() ?? '-',
    manifest ? formatAge(nowMs - Date.parse(manifest.createdAt)) : '-',
    manifest ? formatBytes(manifest.archive.sizeBytes) : '-',
    problem ?? (verify ? 'verified' : 'not read'),
  ]);
  return table([['RUN', 'NODE', 'VERSION', 'HEIGHT', 'AGE', 'SIZE', 'STATE'], ...rows]);
}

function asJson({ run, node, manifest, problem }: FoundSnapshot, verify = false): object {
  return {
    run,
    node,
    isUsable: problem === undefined,
    isVerified: verify && problem === undefined,
    ...(problem !== undefined && { problem }),
    ...(manifest && {
      version: manifest.version,
      height: manifest.height ?? null,
      createdAt: manifest.createdAt,
      sizeBytes: manifest.archive.sizeBytes,
    }),
  };
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
