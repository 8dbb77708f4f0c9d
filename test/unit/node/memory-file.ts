import type { AppendFile } from '../../../node/record-log.ts';

/** Thrown by a file whose process is to die in the middle of a write. */
export class ProcessKilled extends Error {}

/** What the files of one node share: the number of writes and syncs until the process dies, infinite by default. */
export class Fuse {
  remaining = Number.POSITIVE_INFINITY;

  /** Whether the process dies within this operation. */
  burns(): boolean {
    this.remaining -= 1;
    return this.remaining < 0;
  }
}

/** A file with a page cache: a crash keeps what was synced and any part of the rest. */
export class MemoryFile implements AppendFile {
  readonly name: string;
  readonly #fuse: Fuse;
  readonly #random: () => number;
  #bytes: Buffer;
  #durableSize: number;

  constructor(name: string, content: Buffer = Buffer.alloc(0), fuse = new Fuse(), random: () => number = () => 0) {
    this.name = name;
    this.#bytes = content;
    this.#durableSize = content.length;
    this.#fuse = fuse;
    this.#random = random;
  }

  size(): number {
    return this.#bytes.length;
  }

  content(): Buffer {
    return Buffer.from(this.#bytes);
  }

  read(offset: number, length: number): Buffer {
    return this.#bytes.subarray(offset, offset + length);
  }

  append(bytes: Buffer): void {
    const isFatal = this.#fuse.burns();
    const written = isFatal ? bytes.subarray(0, Math.floor(this.#random() * bytes.length)) : bytes;
    this.#bytes = Buffer.concat([this.#bytes, written]);
    if (isFatal) throw new ProcessKilled();
  }

  sync(): void {
    if (this.#fuse.burns()) throw new ProcessKilled();
    this.#durableSize = this.#bytes.length;
  }

  truncate(size: number): void {
    this.#bytes = this.#bytes.subarray(0, size);
    this.#durableSize = Math.min(this.#durableSize, size);
  }

  replace(bytes: Buffer): void {
    if (this.#fuse.burns()) throw new ProcessKilled();
    this.#bytes = Buffer.from(bytes);
    this.#durableSize = bytes.length;
  }

  close(): void {
    this.#bytes = Buffer.from(this.#bytes);
  }

  /** Power loss: of the unsynced bytes a random part is kept, and its last byte may be wrong. */
  crash(): void {
    const unsynced = this.#bytes.length - this.#durableSize;
    const kept = Buffer.from(this.#bytes.subarray(0, this.#durableSize + Math.floor(this.#random() * (unsynced + 1))));
    if (kept.length > this.#durableSize && this.#random() < 0.5) kept[kept.length - 1] = (kept.at(-1) ?? 0) ^ 0x5a;
    this.#bytes = kept;
    this.#durableSize = kept.length;
  }
}
