import { blockHash } from './chain.ts';
import type { CommittedBlock } from './chain.ts';
import { CorruptLogError, frame, readRecord, recover } from './record-log.ts';
import type { AppendFile } from './record-log.ts';

/** Append-only file of decided blocks with their commits, in order from height 1; the index lives in memory. */
export class BlockStore {
  readonly #file: AppendFile;
  readonly #offsets: number[] = [];
  #tip: CommittedBlock | null = null;

  constructor(file: AppendFile) {
    this.#file = file;
  }

  get height(): number {
    return this.#offsets.length;
  }

  get tip(): CommittedBlock | null {
    return this.#tip;
  }

  /** Rebuilds the index and yields each block; must be run to its end before anything is appended. */
  *open(): Generator<CommittedBlock> {
    let previousHash: string | null = null;
    for (const { offset, payload } of recover(this.#file)) {
      const entry = JSON.parse(payload.toString()) as CommittedBlock;
      const { height } = entry.block;
      if (height !== this.height + 1 || (previousHash !== null && entry.block.previousHash !== previousHash)) {
        throw new CorruptLogError(this.#file.name, offset, `block ${height} does not follow block ${this.height}`);
      }
      previousHash = blockHash(entry.block);
      this.#offsets.push(offset);
      this.#tip = entry;
      yield entry;
    }
  }

  /** The block is durable only after the next `sync`. */
  append(entry: CommittedBlock): void {
    if (entry.block.height !== this.height + 1)
      throw new Error(`block ${entry.block.height} appended at ${this.height}`);
    const offset = this.#file.size();
    this.#file.append(frame(Buffer.from(JSON.stringify(entry))));
    this.#offsets.push(offset);
    this.#tip = entry;
  }

  sync(): void {
    this.#file.sync();
  }

  read(height: number): CommittedBlock | null {
    if (height === this.height) return this.#tip;
    const offset = this.#offsets[height - 1];
    return offset === undefined ? null : (JSON.parse(readRecord(this.#file, offset).toString()) as CommittedBlock);
  }

  close(): void {
    this.#file.close();
  }
}
