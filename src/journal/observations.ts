import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { completeLines } from '../core/complete-lines.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';
import { ObservationThinner } from './observation-thinner.ts';
import type { ObservationLine } from './records.ts';
import { observationsFile } from './run-files.ts';

const flushAfterBytes = 64 * 1024;
/** What a crash may cost the chart. */
const flushAfterMs = 1000;

/** What became of a run's observations. */
export interface WrittenObservations {
  /** SHA-256 of what the file holds. */
  hash: string;
  /** What is missing in it, and why. Absent where nothing is. */
  loss?: string;
}

/**
 * Writes observations.jsonl. Lines are buffered and written about once a second, never fsynced one by one. Lines that cannot be written are lost,
 * those after them are not; `close` tells of them, and never throws: watching never disturbs the run. In a long run lines that say nothing new are
 * joined; see ObservationThinner.
 */
export class ObservationWriter {
  readonly file: string;
  readonly #handle: FileHandle;
  readonly #clock: Clock;
  #hash: Hash = createHash('sha256');
  /** Of the lines that are written whole. */
  #sizeBytes = 0;
  /** The file may hold more than those. */
  #isTorn = false;
  #thinner = new ObservationThinner();
  #buffer: string[] = [];
  #bufferedBytes = 0;
  #flushedAtMs: number;
  #writing: Promise<void> = Promise.resolve();
  #lostLines = 0;
  #failure: string | undefined;
  #closed: Promise<WrittenObservations> | undefined;

  private constructor(file: string, handle: FileHandle, clock: Clock) {
    this.file = file;
    this.#handle = handle;
    this.#clock = clock;
    this.#flushedAtMs = clock.monotonicMs();
  }

  /** Starts the file, or goes on with that of an earlier run after its last complete line. */
  static async open(runDir: string, clock: Clock): Promise<ObservationWriter> {
    const file = observationsFile(runDir);
    try {
      const handle = await open(file, 'a+');
      const writer = new ObservationWriter(file, handle, clock);
      await writer.#keepCompleteLines();
      return writer;
    } catch (cause) {
      throw new LabError(`${file}: observations cannot be written: ${messageOf(cause)}`, { cause, details: { file } });
    }
  }

  add(line: ObservationLine): void {
    this.#put(this.#thinner.add(line));
    const isDue = this.#clock.monotonicMs() - this.#flushedAtMs >= flushAfterMs;
    if (isDue || this.#bufferedBytes >= flushAfterBytes) this.#flush();
  }

  /** Writes what is left and makes the file durable. */
  close(): Promise<WrittenObservations> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  #put(lines: readonly ObservationLine[]): void {
    for (const line of lines) {
      const text = `${JSON.stringify(line)}\n`;
      this.#buffer.push(text);
      this.#bufferedBytes += text.length;
    }
  }

  async #finish(): Promise<WrittenObservations> {
    this.#put(this.#thinner.rest());
    this.#flush();
    await this.#writing;
    try {
      await this.#cutTorn();
      await this.#handle.sync();
    } catch (cause) {
      this.#failure ??= messageOf(cause);
    }
    await this.#handle.close().catch((cause: unknown) => (this.#failure ??= messageOf(cause)));
    const hash = this.#hash.digest('hex');
    if (this.#failure === undefined) return { hash };
    const what =
      this.#lostLines > 0 ? `lines of observations were lost: ${this.#lostLines}` : 'observations may be lost';
    return { hash, loss: `${what} (${this.#failure})` };
  }

  #flush(): void {
    const lines = this.#buffer;
    this.#buffer = [];
    this.#bufferedBytes = 0;
    this.#flushedAtMs = this.#clock.monotonicMs();
    if (lines.length > 0) this.#writing = this.#writing.then(() => this.#write(lines));
  }

  async #write(lines: readonly string[]): Promise<void> {
    const text = lines.join('');
    try {
      await this.#cutTorn();
      this.#isTorn = true;
      await this.#handle.appendFile(text);
      this.#isTorn = false;
      this.#hash.update(text);
      this.#sizeBytes += Buffer.byteLength(text);
    } catch (cause) {
      this.#lostLines += lines.length;
      this.#failure ??= messageOf(cause);
    }
  }

  /** A disk that was full has taken a part of what it was given. */
  async #cutTorn(): Promise<void> {
    if (this.#isTorn) await this.#handle.truncate(this.#sizeBytes);
    this.#isTorn = false;
  }

  async #keepCompleteLines(): Promise<void> {
    const { sizeBytes, isTorn, hash, firstLine } = await completeLines(this.file);
    this.#hash = hash;
    this.#sizeBytes = sizeBytes;
    this.#isTorn = isTorn;
    this.#thinner = new ObservationThinner(parseObservation(firstLine ?? '')?.atMs);
    await this.#cutTorn();
  }
}

const observationSchema = z.looseObject({
  atMs: z.number(),
  node: z.string(),
  state: z.string(),
  version: z.string().optional(),
  digest: z.string().optional(),
  height: z.number().optional(),
  peers: z.number().optional(),
  alive: z.boolean(),
  acknowledged: z.number(),
  errors: z.number(),
  sinceMs: z.number().optional(),
});

/**
 * The observations of a run, oldest first, read line by line so that days of them need no memory. None when the run has no such file.
 * Lines that are not observations (a torn last one) are skipped: only the hash in `run.finished` vouches for this file.
 */
export async function* readObservations(runDir: string): AsyncGenerator<ObservationLine> {
  const input = createReadStream(observationsFile(runDir));
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      const observation = parseObservation(line);
      if (observation) yield observation;
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  } finally {
    input.destroy();
  }
}

function parseObservation(line: string): ObservationLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const checked = observationSchema.safeParse(value);
  return checked.success ? (checked.data as ObservationLine) : undefined;
}
