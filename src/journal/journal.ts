import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sha256 } from '../core/canonical.ts';
import type { Clock } from '../core/clock.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno, syncFolder } from '../core/files.ts';
import { encodeLine, genesisHash } from './record-line.ts';
import { readJournal } from './read-journal.ts';
import type { RunEvent, RunRecord } from './records.ts';
import { journalFile } from './run-files.ts';

interface PendingRecord {
  line: string;
  lineHash: string;
  record: RunRecord;
  resolve: (record: RunRecord) => void;
  reject: (error: unknown) => void;
}

interface JournalState {
  file: string;
  handle: FileHandle;
  clock: Clock;
  nextSeq: number;
  headHash: string;
  sizeBytes: number;
}

/**
 * A run's journal: JSON lines, hash-chained, durable before `append` resolves. Whoever is about to have an effect appends its intent
 * first and acts only when the promise has resolved.
 */
export class Journal {
  readonly file: string;
  readonly #handle: FileHandle;
  readonly #clock: Clock;
  readonly #startedMs: number;
  #nextSeq: number;
  /** Hash of the last line handed to `append`, which may not be durable yet. */
  #lastHash: string;
  #durableHash: string;
  #durableBytes: number;
  #pending: PendingRecord[] = [];
  #flushing: Promise<void> | undefined;
  #failure: LabError | undefined;

  private constructor(state: JournalState) {
    this.file = state.file;
    this.#handle = state.handle;
    this.#clock = state.clock;
    this.#startedMs = state.clock.monotonicMs();
    this.#nextSeq = state.nextSeq;
    this.#lastHash = state.headHash;
    this.#durableHash = state.headHash;
    this.#durableBytes = state.sizeBytes;
  }

  /** Starts the journal of a new run, making its folder. Throws a LabError when there is one already or it cannot be written. */
  static async create(runDir: string, clock: Clock): Promise<Journal> {
    const file = journalFile(runDir);
    try {
      await mkdir(runDir, { recursive: true });
      const handle = await open(file, 'ax');
      await handle.sync();
      // A crash must not lose the new entries of the folders either.
      await syncFolder(runDir);
      await syncFolder(dirname(runDir));
      return new Journal({ file, handle, clock, nextSeq: 0, headHash: genesisHash, sizeBytes: 0 });
    } catch (cause) {
      const what = isErrno(cause, 'EEXIST') ? 'the run has a journal already' : messageOf(cause);
      throw new LabError(`${file}: the journal cannot be started: ${what}`, { cause, details: { file } });
    }
  }

  /**
   * Continues the journal of an earlier run: verifies it, cuts a torn last line, and returns it with the records so far.
   * Throws JournalCorruptError on any other break.
   */
  static async open(
    runDir: string,
    clock: Clock,
  ): Promise<{ journal: Journal; records: RunRecord[]; tornTail: boolean }> {
    const { records, tornTail, headHash, sizeBytes } = await readJournal(runDir);
    const file = journalFile(runDir);
    try {
      const handle = await open(file, 'a');
      if (tornTail) {
        await handle.truncate(sizeBytes);
        await handle.sync();
      }
      const journal = new Journal({ file, handle, clock, nextSeq: records.length, headHash, sizeBytes });
      return { journal, records, tornTail };
    } catch (cause) {
      throw new LabError(`${file}: the journal cannot be continued: ${messageOf(cause)}`, { cause, details: { file } });
    }
  }

  /** Hash of the last durable line; 64 zeros when there is none. */
  get headHash(): string {
    return this.#durableHash;
  }

  /**
   * Adds a record; resolves when it is on the disk. Calls made while a write is under way share the next one. When a write or
   * flush fails, this and every later call rejects with a LabError that names the file and the cause.
   */
  append(event: RunEvent): Promise<RunRecord> {
    if (this.#failure) return Promise.reject(this.#failure);
    const record = {
      seq: this.#nextSeq,
      at: new Date(this.#clock.wallMs()).toISOString(),
      monoMs: Math.round((this.#clock.monotonicMs() - this.#startedMs) * 1000) / 1000,
      prev: this.#lastHash,
      ...event,
    } satisfies RunRecord;
    const line = encodeLine(record);
    const lineHash = sha256(line);
    this.#nextSeq++;
    this.#lastHash = lineHash;
    return new Promise((resolve, reject) => {
      this.#pending.push({ line, lineHash, record, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Waits for what was appended and closes the file. Later appends are refused. */
  async close(): Promise<void> {
    await this.#flushing;
    if (this.#failure?.details.closed) return;
    const wasSound = this.#failure === undefined;
    this.#failure ??= new LabError(`${this.file}: the journal is closed`, {
      details: { file: this.file, closed: true },
    });
    try {
      await this.#handle.close();
    } catch (cause) {
      // The failure that poisoned the journal was reported already and is the one that counts.
      if (wasSound) throw new LabError(`${this.file}: the journal cannot be closed: ${messageOf(cause)}`, { cause });
    }
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0 && !this.#failure) {
      const batch = this.#pending;
      this.#pending = [];
      const bytes = Buffer.from(batch.map(({ line }) => `${line}\n`).join(''));
      try {
        await this.#handle.appendFile(bytes);
        await this.#handle.datasync();
      } catch (cause) {
        await this.#poison(cause, batch);
        break;
      }
      this.#durableBytes += bytes.length;
      this.#durableHash = batch.at(-1)?.lineHash ?? this.#durableHash;
      for (const { record, resolve } of batch) resolve(record);
    }
    this.#flushing = undefined;
  }

  async #poison(cause: unknown, batch: PendingRecord[]): Promise<void> {
    const failure = new LabError(
      `${this.file}: the journal cannot be written: ${messageOf(cause)}. Nothing more is recorded, so nothing more may be done`,
      { cause, details: { file: this.file } },
    );
    this.#failure = failure;
    try {
      // Records that were refused should not be found later. Where even this fails, a reader drops the torn line.
      await this.#handle.truncate(this.#durableBytes);
    } catch {
      // The first failure is the one to report.
    }
    const refused = [...batch, ...this.#pending];
    this.#pending = [];
    for (const { reject } of refused) reject(failure);
  }
}
