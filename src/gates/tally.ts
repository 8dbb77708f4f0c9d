import type { CheckSummary, Sample } from './verdict.ts';

/** What a decision needs to know of one check on one node. Counts are those of the sliding window unless said otherwise. */
export interface CheckTally {
  readonly check: string;
  /** `*` for checks on the whole network. */
  readonly node: string;
  readonly critical: boolean;
  readonly advisory: boolean;
  /** Slots ever seen. */
  readonly samples: number;
  /** Slots ever seen that were OK or BAD. */
  readonly known: number;
  readonly ok: number;
  readonly bad: number;
  readonly unknown: number;
  readonly tailOk: number;
  /** OK to BAD and back; UNKNOWN slots between are passed over. */
  readonly changes: number;
  /** Length of the run of BAD that ends in the newest slot. */
  readonly badRun: number;
  readonly unknownRun: number;
  readonly lastBad: string | undefined;
  readonly lastUnknown: string | undefined;
}

export interface CheckName {
  check: string;
  node: string;
  critical: boolean;
  advisory: boolean;
}

const marks = ['+', '-', '?'] as const;
const OK = 0;
const BAD = 1;
const UNKNOWN = 2;

/** Counts samples over a sliding window; a slot costs the same however long the window is. */
export class SlotTally implements CheckTally {
  readonly check: string;
  readonly node: string;
  readonly critical: boolean;
  readonly advisory: boolean;
  samples = 0;
  known = 0;
  ok = 0;
  bad = 0;
  unknown = 0;
  tailOk = 0;
  changes = 0;
  badRun = 0;
  unknownRun = 0;
  lastBad: string | undefined;
  lastUnknown: string | undefined;

  readonly #windowSlots: number;
  readonly #tailSlots: number;
  #codes = new Uint8Array(64);
  /** The newest slot that was known. */
  #newestKnown = -1;

  constructor(name: CheckName, windowSlots: number, tailSlots: number) {
    this.check = name.check;
    this.node = name.node;
    this.critical = name.critical;
    this.advisory = name.advisory;
    this.#windowSlots = windowSlots;
    this.#tailSlots = tailSlots;
  }

  push(sample: Sample): void {
    if (sample.state === 'OK') this.#add(OK);
    else if (sample.state === 'BAD') {
      this.lastBad = sample.detail;
      this.#add(BAD);
    } else {
      this.lastUnknown = sample.detail === undefined ? sample.reason : `${sample.reason}: ${sample.detail}`;
      this.#add(UNKNOWN);
    }
  }

  summary(): CheckSummary {
    const codes = this.#codes.subarray(0, this.samples);
    const lastDetail = this.badRun > 0 || this.unknownRun === 0 ? (this.lastBad ?? this.lastUnknown) : this.lastUnknown;
    return {
      check: this.check,
      node: this.node,
      critical: this.critical,
      advisory: this.advisory,
      ok: codes.reduce((sum, code) => sum + (code === OK ? 1 : 0), 0),
      bad: codes.reduce((sum, code) => sum + (code === BAD ? 1 : 0), 0),
      unknown: codes.reduce((sum, code) => sum + (code === UNKNOWN ? 1 : 0), 0),
      ...stripOf(codes),
      ...(lastDetail === undefined ? {} : { lastDetail }),
    };
  }

  #add(code: number): void {
    const slot = this.samples++;
    this.#dropSlot(slot - this.#windowSlots);
    if (slot >= this.#tailSlots && this.#codes[slot - this.#tailSlots] === OK) this.tailOk--;
    this.#store(slot, code);
    this.badRun = code === BAD ? this.badRun + 1 : 0;
    this.unknownRun = code === UNKNOWN ? this.unknownRun + 1 : 0;
    if (code === UNKNOWN) {
      this.unknown++;
      return;
    }
    this.known++;
    if (code === OK) {
      this.ok++;
      this.tailOk++;
    } else {
      this.bad++;
    }
    const before = this.#newestKnown;
    if (before >= 0 && before > slot - this.#windowSlots && this.#codes[before] !== code) this.changes++;
    this.#newestKnown = slot;
  }

  #dropSlot(slot: number): void {
    if (slot < 0) return;
    const code = this.#codes[slot];
    if (code === UNKNOWN) {
      this.unknown--;
      return;
    }
    if (code === OK) this.ok--;
    else this.bad--;
    // Every UNKNOWN slot is passed over once, when the known one before it leaves the window.
    let next = slot + 1;
    while (next <= this.#newestKnown && this.#codes[next] === UNKNOWN) next++;
    if (next <= this.#newestKnown && this.#codes[next] !== code) this.changes--;
  }

  #store(slot: number, code: number): void {
    if (slot >= this.#codes.length) {
      const larger = new Uint8Array(this.#codes.length * 2);
      larger.set(this.#codes);
      this.#codes = larger;
    }
    this.#codes[slot] = code;
  }
}

/** A verdict is one line of the journal; the days of a soak must fit into it for every check. */
const maxMarks = 2000;

function stripOf(codes: Uint8Array): Pick<CheckSummary, 'slots' | 'slotsPerMark'> {
  const slotsPerMark = Math.ceil(codes.length / maxMarks);
  if (slotsPerMark <= 1) return { slots: Array.from(codes, (code) => marks[code]).join('') };
  let slots = '';
  for (let from = 0; from < codes.length; from += slotsPerMark) {
    const part = codes.subarray(from, from + slotsPerMark);
    slots += marks[part.includes(BAD) ? BAD : part.includes(UNKNOWN) ? UNKNOWN : OK];
  }
  return { slots, slotsPerMark };
}
