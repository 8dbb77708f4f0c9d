import { open } from 'node:fs/promises';
import { isErrno } from '../core/files.ts';
import { decodeLine } from './record-line.ts';
import type { RunRecord } from './records.ts';
import { journalFile } from './run-files.ts';

const chunkBytes = 1024 * 1024;

/**
 * Follows a journal that another process writes: each call returns the records that were completed since the last one. Each line's own
 * checksum is verified, the chain is not: that is for those who conclude something from it. A line that is no record is skipped.
 */
export class JournalTail {
  readonly #file: string;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(runDir: string) {
    this.#file = journalFile(runDir);
  }

  async read(): Promise<RunRecord[]> {
    const records: RunRecord[] = [];
    let handle;
    try {
      handle = await open(this.#file, 'r');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
    try {
      for (;;) {
        const chunk = Buffer.alloc(chunkBytes);
        const { bytesRead } = await handle.read(chunk, 0, chunkBytes, this.#offset);
        if (bytesRead === 0) return records;
        this.#offset += bytesRead;
        this.#take(chunk.subarray(0, bytesRead), records);
      }
    } finally {
      await handle.close();
    }
  }

  #take(chunk: Buffer, records: RunRecord[]): void {
    const content = Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = content.indexOf(0x0a); end !== -1; end = content.indexOf(0x0a, start)) {
      const decoded = decodeLine(content.subarray(start, end));
      if ('record' in decoded) records.push(decoded.record);
      start = end + 1;
    }
    this.#rest = Buffer.from(content.subarray(start));
  }
}
