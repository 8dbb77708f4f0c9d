import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { abortedError } from '../core/clock.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno, syncFolder } from '../core/files.ts';
import type { BackupTarget } from './backup-target.ts';
import { MissingObjectError } from './stored-objects.ts';

/** Backups in a folder, readable by their owner alone. */
export function folderTarget(root: string): BackupTarget {
  const name = `folder ${root}`;
  const failed = (what: string, path: string, cause: unknown): LabError =>
    new LabError(`${what} ${path} in ${name}: ${messageOf(cause)}`, { cause, details: { target: name, path } });
  return {
    name,

    async put(path, source, signal) {
      const file = join(root, path);
      const part = `${file}.part-${randomBytes(4).toString('hex')}`;
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        const output = createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true });
        await pipeline(source.open(), output, signal ? { signal } : {});
        await rename(part, file);
        await syncFolder(dirname(file));
      } catch (error) {
        await rm(part, { force: true });
        if (signal?.aborted) throw abortedError(signal);
        throw failed('cannot write', path, error);
      }
    },

    async *get(path, signal) {
      try {
        for await (const chunk of createReadStream(join(root, path), { signal })) yield chunk as Buffer;
      } catch (error) {
        if (signal?.aborted) throw abortedError(signal);
        if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) throw new MissingObjectError(name, path);
        throw failed('cannot read', path, error);
      }
    },

    async list(prefix) {
      try {
        const entries = await readdir(join(root, prefix), { recursive: true, withFileTypes: true });
        return entries
          .filter((entry) => entry.isFile())
          .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return [];
        throw failed('cannot list', prefix, error);
      }
    },

    async remove(path) {
      await rm(join(root, path), { force: true });
      // Folders that are empty now; one that is not ends it.
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
        if (
          !(await rmdir(join(root, folder)).then(
            () => true,
            () => false,
          ))
        )
          break;
      }
    },
  };
}
