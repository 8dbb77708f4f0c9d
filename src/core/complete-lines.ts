import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export interface CompleteLines {
  /** Bytes up to the end of the last complete line; what follows is what a crash has torn. */
  sizeBytes: number;
  isTorn: boolean;
  /** SHA-256 over those bytes, to go on with. */
  hash: Hash;
  /** Undefined when there is no complete line. */
  firstLine: string | undefined;
}

/** Reads a file of lines, which must exist, up to its last line end. */
export async function completeLines(file: string): Promise<CompleteLines> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  let firstLine: string | undefined;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    const content = Buffer.concat([tail, chunk]);
    const end = content.lastIndexOf(0x0a) + 1;
    if (end > 0) firstLine ??= content.subarray(0, content.indexOf(0x0a)).toString('utf8');
    hash.update(content.subarray(0, end));
    sizeBytes += end;
    tail = content.subarray(end);
  }
  return { sizeBytes, isTorn: tail.length > 0, hash, firstLine };
}
