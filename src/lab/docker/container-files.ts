import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import type { CallOptions } from '../lab.ts';
import { engineCall, isMissing } from './engine-call.ts';

export interface ContainerFile {
  /** Path inside the archive, relative to where it is unpacked. */
  name: string;
  mode: number;
  uid: number;
  gid: number;
  /** Absent for a folder. */
  content?: Buffer;
  mtime?: Date;
}

/** Packs files into a tar archive; equal input gives equal bytes as long as each `mtime` is given or left to its default. */
export async function packFiles(files: readonly ContainerFile[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { content, mtime = new Date(0), ...header } of files) {
    if (content === undefined) pack.entry({ ...header, mtime, type: 'directory' });
    else pack.entry({ ...header, mtime, type: 'file' }, content);
  }
  pack.finalize();
  return buffer(pack);
}

/** Unpacks files into a container at the absolute path `folder`, owners and modes kept. */
export async function putFiles(
  container: Docker.Container,
  folder: string,
  files: readonly ContainerFile[],
  options: CallOptions,
): Promise<void> {
  const archive = await packFiles(files);
  await engineCall(`put files into ${folder}`, options, (abortSignal) =>
    container.putArchive(archive, { path: folder, abortSignal }),
  );
}

/** The first entry at a path of a container: the file with its content, or the folder itself. Undefined when there is none. */
export async function getFile(
  container: Docker.Container,
  path: string,
  options: CallOptions,
): Promise<ContainerFile | undefined> {
  try {
    return await engineCall(`read ${path} of a container`, options, async (abortSignal) => {
      return firstEntry(await container.getArchive({ path, abortSignal }));
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function firstEntry(archive: NodeJS.ReadableStream): Promise<ContainerFile | undefined> {
  const extract = tar.extract();
  // A failure reaches the loop through `extract`; leaving the loop early ends the transfer of a large folder.
  pipeline(archive, extract, () => undefined);
  for await (const entry of extract) {
    const { name, mode, uid, gid, type } = entry.header;
    return { name, mode: mode & 0o7777, uid, gid, ...(type === 'file' ? { content: await buffer(entry) } : {}) };
  }
  return undefined;
}
