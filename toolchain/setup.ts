import { accessSync, constants, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../src/core/errors.ts';
import { writeFileAtomic } from '../src/core/files.ts';
import { dockerProviderName, languageHostName, type Layout, layoutOf, officialDownloads } from './setup/layout.ts';
import type { ToolchainPart } from './setup/part.ts';

export { toolchainEnvironment } from './environment.ts';
export type { ToolchainPart } from './setup/part.ts';

// What only setup needs is imported there: locating the toolchain is on the way of every command.

/** A Pulumi engine that is ready for use by one project. */
export interface Toolchain {
  /** The project folder. */
  root: string;
  /** Absolute path of the CLI. */
  pulumi: string;
  /** The toolchain's PULUMI_HOME. */
  pulumiHome: string;
  parts: ToolchainPart[];
}

export interface SetupOptions {
  /** The project folder; everything is put into its `.seatrial/toolchain`. */
  root: string;
  signal?: AbortSignal | undefined;
  /** Told one line at each step that takes time. */
  onProgress?: (line: string) => void;
  /** Address of the official release archives, or false to never download. */
  downloads?: string | false;
}

interface Manifest {
  /** The toolchain's own folder: a project that was moved or copied needs a new one. */
  folder: string;
  fingerprint: string;
  parts: ToolchainPart[];
}

/**
 * Gets a Pulumi engine for a project: what the user has, else the official download, else own programs. Does nothing when that
 * has been done before; two at once do it once. Throws LabError when no way leads to a CLI.
 */
export async function setupToolchain(options: SetupOptions): Promise<Toolchain> {
  const { root, signal, onProgress = () => undefined, downloads = officialDownloads } = options;
  const layout = layoutOf(root);
  const { ownProgramsFingerprint } = await import('./setup/own-programs.ts');
  const fingerprint = await ownProgramsFingerprint();
  const done = readManifest(layout);
  if (done?.fingerprint === fingerprint && done.parts.every(isThere)) return toToolchain(root, layout, done);
  const { withLock } = await import('./setup/lock.ts');
  const { obtainParts } = await import('./setup/obtain.ts');
  return withLock(layout.lock, signal, async () => {
    const meanwhile = readManifest(layout);
    if (meanwhile?.fingerprint === fingerprint && meanwhile.parts.every(isThere))
      return toToolchain(root, layout, meanwhile);
    await mkdir(layout.state, { recursive: true });
    const parts = await obtainParts(layout, downloads, { signal, onProgress, environment: process.env });
    const manifest: Manifest = { folder: layout.folder, fingerprint, parts };
    await writeFileAtomic(layout.manifest, `${JSON.stringify(manifest, undefined, 2)}\n`);
    return toToolchain(root, layout, manifest);
  });
}

/** The toolchain that setup has made. Cheap. Throws LabError, naming `seatrial setup`, when there is none or a part is gone. */
export function locateToolchain({ root }: { root: string }): Toolchain {
  const layout = layoutOf(root);
  const manifest = readManifest(layout);
  if (manifest === undefined) throw new LabError(`there is no Pulumi engine in ${layout.folder}; run seatrial setup`);
  const gone = manifest.parts.find((part) => !isThere(part));
  if (gone) throw new LabError(`${gone.name} is gone from ${gone.path ?? 'its place'}; run seatrial setup`);
  return toToolchain(root, layout, manifest);
}

/** Each part, where it comes from, and whether it is there. Before setup: what setup would find on this machine. */
export async function inspectToolchain({ root }: { root: string }): Promise<ToolchainPart[]> {
  const layout = layoutOf(root);
  const manifest = readManifest(layout);
  if (manifest !== undefined) return manifest.parts.map((part) => (isThere(part) ? part : missing(part.name)));
  const { findOnPath, pulumiProgramVersion } = await import('./setup/find-on-path.ts');
  const names = ['pulumi', languageHostName, dockerProviderName];
  return Promise.all(
    names.map(async (name) => {
      const path = await findOnPath(name, process.env);
      if (path === undefined) return missing(name);
      const version = name === 'pulumi' ? await pulumiProgramVersion(path, process.env) : undefined;
      return { name, source: 'path' as const, version, path };
    }),
  );
}

function missing(name: string): ToolchainPart {
  return { name, source: 'missing', version: undefined, path: undefined };
}

function toToolchain(root: string, layout: Layout, { parts }: Manifest): Toolchain {
  const pulumi = parts.find(({ name }) => name === 'pulumi')?.path ?? join(layout.bin, 'pulumi');
  return { root, pulumi, pulumiHome: layout.pulumiHome, parts };
}

/** Undefined when there is none, and when it cannot be read: setup then starts over. */
function readManifest(layout: Layout): Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(layout.manifest, 'utf8')) as Manifest;
    const isWhole = Array.isArray(manifest.parts) && manifest.parts.length === 3;
    return isWhole && manifest.folder === layout.folder ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function isThere({ path }: ToolchainPart): boolean {
  try {
    accessSync(path ?? '', constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
