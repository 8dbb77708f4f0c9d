import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { fstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AppendFile } from './record-log.ts';

export class DiskFile implements AppendFile {
  readonly name: string;
  #descriptor: number;
  #size: number;

  constructor(path: string) {
    this.name = path;
    this.#descriptor = openSync(path, 'a+', 0o600);
    this.#size = fstatSync(this.#descriptor).size;
    syncFolder(path);
  }

  size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.#size - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(this.#descriptor, bytes, filled, bytes.length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  }

  append(bytes: Buffer): void {
    writeAll(this.#descriptor, bytes);
    this.#size += bytes.length;
  }

  sync(): void {
    fdatasyncSync(this.#descriptor);
  }

  truncate(size: number): void {
    ftruncateSync(this.#descriptor, size);
    this.#size = size;
  }

  replace(bytes: Buffer): void {
    replaceFile(this.name, bytes);
    closeSync(this.#descriptor);
    this.#descriptor = openSync(this.name, 'a+', 0o600);
    this.#size = bytes.length;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Puts a file in place at once and durably: a crash leaves either the old content or the new one. */
export function replaceFile(path: string, bytes: Buffer): void {
  const fresh = `${path}.new`;
  const descriptor = openSync(fresh, 'w', 0o600);
  writeAll(descriptor, bytes);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(fresh, path);
  syncFolder(path);
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}

/** A new name in a folder survives a power loss only once the folder itself is synced. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
