import type { Block, ConsensusMessage } from './chain.ts';
import { frame, recover } from './record-log.ts';
import type { AppendFile } from './record-log.ts';

/** What a validator must remember before its signature leaves the process. */
export interface SafetyRecord {
  readonly height: number;
  readonly round: number;
  readonly step: 'propose' | 'prevote' | 'precommit';
  readonly locked: { readonly round: number; readonly block: Block } | null;
  /** Messages signed since the previous record. */
  readonly signed: readonly ConsensusMessage[];
}

const compactAboveBytes = 256 * 1024;

/** Log of own signatures and locks. Loaded once at start; every record is synced before the messages in it are sent. */
export class WriteAheadLog {
  readonly #file: AppendFile;
  #records: SafetyRecord[] = [];

  constructor(file: AppendFile) {
    this.#file = file;
    for (const { payload } of recover(file)) this.#records.push(JSON.parse(payload.toString()) as SafetyRecord);
  }

  /** The newest height's last state with all that was signed in it; null where nothing was ever signed. */
  last(): SafetyRecord | null {
    const newest = this.#records.at(-1);
    if (newest === undefined) return null;
    const signed = this.#records.filter(({ height }) => height === newest.height).flatMap((record) => record.signed);
    return { ...newest, signed };
  }

  save(record: SafetyRecord): void {
    this.#file.append(frame(Buffer.from(JSON.stringify(record))));
    this.#file.sync();
    this.#records.push(record);
  }

  /** Drops heights below this one. The committed height itself is kept: it still guards us should the store lose its tail. */
  forgetBelow(height: number): void {
    this.#records = this.#records.filter((record) => record.height >= height);
    if (this.#file.size() < compactAboveBytes) return;
    this.#file.replace(Buffer.concat(this.#records.map((record) => frame(Buffer.from(JSON.stringify(record))))));
  }

  close(): void {
    this.#file.close();
  }
}
