import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';
import type { Scrubber } from './scrub.ts';

export interface BundleFile {
  /** Path in the archive, below its one folder. */
  name: string;
  /** A file to be read, or its content. Files that are not there are left out. */
  path?: string;
  content?: string;
}

/** What was packed; stands in the archive as `manifest.json`. */
export interface BundleManifest {
  files: { name: string; sizeBytes: number; scrubbed: boolean }[];
  missing: string[];
}

/** Sent by mail and opened anywhere: only the owner may read it here. */
const mode = 0o600;

/**
 * Packs files into `<folder>/…` of a .tar.gz, every text scrubbed on the way; returns what was packed. Large files are read line by line
 * and never held whole, compressed evidence is unpacked. The archive appears under its name only when it is complete. Throws LabError when it cannot
 * be written.
 */
export async function writeBundle(
  output: string,
  folder: string,
  files: readonly BundleFile[],
  scrub: Scrubber,
): Promise<BundleManifest> {
  const manifest: BundleManifest = { files: [], missing: [] };
  const temporary = join(dirname(output), `.${basename(output)}.part`);
  const archive = pack();
  try {
    await mkdir(dirname(output), { recursive: true });
    await rm(temporary, { force: true });
    const written = pipeline(archive, createGzip(), createWriteStream(temporary, { mode, flags: 'wx' }));
    const filled = fill(archive, folder, files, scrub, manifest).then(
      () => archive.finalize(),
      (error: unknown) => archive.destroy(error instanceof Error ? error : new Error(messageOf(error))),
    );
    await Promise.all([written, filled]);
    await rename(temporary, output);
    return manifest;
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new LabError(`${output} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

async function fill(
  archive: Pack,
  folder: string,
  files: readonly BundleFile[],
  scrub: Scrubber,
  manifest: BundleManifest,
): Promise<void> {
  for (const file of files) {
    let sizeBytes = 0;
    let scrubbed = false;
    let lines: () => AsyncIterable<Line>;
    try {
      const readBytes = file.path === undefined ? 0 : (await stat(file.path)).size;
      lines = () => linesOf(file, scrub, readBytes);
      // A tar says the size first, so the file is read twice instead of being held.
      for await (const { text, isChanged } of lines()) {
        sizeBytes += Buffer.byteLength(text);
        scrubbed ||= isChanged;
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      manifest.missing.push(file.name);
      continue;
    }
    const name = file.name.replace(/\.gz$/, '');
    await add(archive, `${folder}/${name}`, sizeBytes, lines());
    manifest.files.push({ name, sizeBytes, scrubbed });
  }
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await add(archive, `${folder}/manifest.json`, Buffer.byteLength(text), [{ text, isChanged: false }]);
}

async function add(
  archive: Pack,
  name: string,
  sizeBytes: number,
  lines: AsyncIterable<Line> | Iterable<Line>,
): Promise<void> {
  const texts = async function* (): AsyncGenerator<string> {
    for await (const { text } of lines) yield text;
  };
  await pipeline(Readable.from(texts()), archive.entry({ name, size: sizeBytes, mode, mtime: new Date(0) }));
}

interface Line {
  text: string;
  isChanged: boolean;
}

async function* linesOf({ name, path, content }: BundleFile, scrub: Scrubber, sizeBytes: number): AsyncGenerator<Line> {
  const line = (before: string, after: string): Line => ({ text: after, isChanged: after !== before });
  const isJson = /\.json(\.gz)?$/.test(name);
  if (path === undefined) {
    const text = content ?? '';
    yield line(text, isJson ? scrub.json(text) : scrub(text));
    return;
  }
  // Only files that are one JSON value are read whole; scrubbed or not, the others keep their line ends as they are.
  if (isJson) {
    const bytes = await readFile(path);
    const text = (name.endsWith('.gz') ? await promisify(gunzip)(bytes) : bytes).toString('utf8');
    yield line(text, scrub.json(text));
    return;
  }
  if (sizeBytes === 0) return;
  // A run that goes on adds to its files; what was there at first is packed.
  const input = createReadStream(path, { encoding: 'utf8', end: sizeBytes - 1 });
  let rest = '';
  for await (const chunk of input as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) yield line(`${text}\n`, `${scrub(text)}\n`);
  }
  if (rest !== '') yield line(rest, scrub(rest));
}
