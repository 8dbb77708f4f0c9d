import { crc32 } from 'node:zlib';

/** The bytes under a log. Appended bytes are safe from a crash only once `sync` has returned. */
export interface AppendFile {
  readonly name: string;
  size(): number;
  /** May return fewer bytes than asked for at the end of the file. */
  read(offset: number, length: number): Buffer;
  append(bytes: Buffer): void;
  sync(): void;
  truncate(size: number): void;
  /** Puts new content in place of the old one, durably and at once: a crash leaves either the old or the new. */
  replace(bytes: Buffer): void;
  close(): void;
}

/** Bytes before the end of a log are not what was written: nothing after them can be trusted. */
export class CorruptLogError extends Error {
  readonly file: string;
  readonly offset: number;

  constructor(file: string, offset: number, reason: string) {
    super(`${file} is corrupt at offset ${offset}: ${reason}`);
    this.name = 'CorruptLogError';
    this.file = file;
    this.offset = offset;
  }
}

// 0xf5 occurs in no UTF-8 text, so the mark cannot appear inside a JSON payload.
const mark = Buffer.from([0xf5, 0x72, 0x63, 0x01]);
const headerBytes = mark.length + 8;
const maxPayloadBytes = 16 * 1024 * 1024;
const windowBytes = 1024 * 1024;

interface LogRecord {
  readonly offset: number;
  readonly payload: Buffer;
}

/** Encodes one record: mark, length, CRC-32 over length and payload, payload. */
export function frame(payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
  mark.copy(bytes);
  bytes.writeUInt32BE(payload.length, mark.length);
  bytes.writeUInt32BE(checksum(bytes.subarray(mark.length, mark.length + 4), payload), mark.length + 4);
  payload.copy(bytes, headerBytes);
  return bytes;
}

/**
 * Yields every record from the start. A record cut short or damaged with no whole record behind it is a torn write: the file is
 * cut there. Damage with a whole record behind it is a {@link CorruptLogError}.
 */
export function* recover(file: AppendFile): Generator<LogRecord> {
  let window: Buffer = Buffer.alloc(0);
  let windowOffset = 0;
  const view = (offset: number, length: number): Buffer => {
    if (offset < windowOffset || offset + length > windowOffset + window.length) {
      window = file.read(offset, Math.max(length, windowBytes));
      windowOffset = offset;
    }
    return window.subarray(offset - windowOffset, offset - windowOffset + length);
  };
  const size = file.size();
  let offset = 0;
  while (offset < size) {
    const payload = payloadAt(view, offset);
    if (payload === null) {
      const next = nextRecord(file, view, offset + 1);
      if (next !== null) throw new CorruptLogError(file.name, offset, `a whole record follows at ${next}`);
      file.truncate(offset);
      file.sync();
      return;
    }
    yield { offset, payload };
    offset += headerBytes + payload.length;
  }
}

/** Reads the record that {@link recover} or an append placed at this offset. */
export function readRecord(file: AppendFile, offset: number): Buffer {
  const payload = payloadAt((at, length) => file.read(at, length), offset);
  if (payload === null) throw new CorruptLogError(file.name, offset, 'the record no longer matches its checksum');
  return payload;
}

type View = (offset: number, length: number) => Buffer;

function payloadAt(view: View, offset: number): Buffer | null {
  const header = view(offset, headerBytes);
  if (header.length < headerBytes || !header.subarray(0, mark.length).equals(mark)) return null;
  const length = header.readUInt32BE(mark.length);
  const expected = header.readUInt32BE(mark.length + 4);
  if (length === 0 || length > maxPayloadBytes) return null;
  const lengthField = Buffer.from(header.subarray(mark.length, mark.length + 4));
  const payload = view(offset + headerBytes, length);
  return payload.length === length && checksum(lengthField, payload) === expected ? payload : null;
}

function nextRecord(file: AppendFile, view: View, from: number): number | null {
  const size = file.size();
  for (let start = from; start < size; start += windowBytes) {
    // The overlap finds a mark that lies across two windows.
    const chunk = Buffer.from(view(start, Math.min(windowBytes + mark.length, size - start)));
    for (let at = chunk.indexOf(mark); at !== -1; at = chunk.indexOf(mark, at + 1)) {
      if (payloadAt(view, start + at) !== null) return start + at;
    }
  }
  return null;
}

function checksum(length: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(length));
}
