import { canonicalJson } from '../core/canonical.ts';
import type { JudgedSystem } from './judged-system.ts';
import type { GateInput } from './gate-judge.ts';
import { markOf, segmentLength, type GateSegment, type Mark, type SegmentTrack } from './gate-segment.ts';
import type { JudgedSlot, NodeStanding } from './judged-slot.ts';
import type { SlotReading } from './readings.ts';
import type { Sample } from './verdict.ts';

/** Readings that are kept before and after a change. */
const readingsAround = 3;
/** What changes in every slot would keep every reading; the marks say the same in fewer bytes. */
const maxReadings = 60;

export interface SegmentAbout {
  input: GateInput;
  system: JudgedSystem;
  /** Names of a node's checks, in the order of its samples. */
  checkNames: (node: string) => readonly string[];
  /** Slots of a segment. */
  length: number;
  /** Where an earlier process has left off. Default 0. */
  firstIndex?: number;
}

interface OpenTrack {
  track: SegmentTrack;
  mark: Mark | undefined;
  count: number;
  last: Sample | undefined;
}

/** Makes segments of judged slots. Equal slots cost nothing; readings are kept around changes and at both ends of the gate. */
export class SegmentRecorder {
  readonly #about: SegmentAbout;
  #index: number;
  #segment: GateSegment;
  #length = 0;
  #tracks = new Map<string, OpenTrack>();
  #standings = new Map<string, NodeStanding>();
  #lastAtMs = 0;
  /** The newest readings that were not kept. */
  #recent: { at: number; reading: SlotReading }[] = [];
  #keepsUntil = -1;
  #lastPattern = '';

  constructor(about: SegmentAbout) {
    this.#about = about;
    this.#index = about.firstIndex ?? 0;
    this.#segment = this.#newSegment();
  }

  /** Adds a slot; returns the segment when it is full. */
  add(judged: JudgedSlot, reading: SlotReading): GateSegment | undefined {
    const at = this.#length++;
    this.#addTime(judged, at);
    let pattern = '';
    if (judged.quorum) pattern += this.#addSample('quorum', '*', at, judged.quorum);
    for (const [node, { samples, standing }] of judged.nodes) {
      for (const [index, check] of this.#about.checkNames(node).entries()) {
        pattern += this.#addSample(check, node, at, samples[index]);
      }
      this.#addStanding(node, at, standing);
    }
    this.#keepReading(at, reading, pattern);
    return this.#length >= this.#about.length ? this.#close() : undefined;
  }

  /** What was recorded since the last full segment. `isEnd`: the gate has ended, so that its last readings are kept. */
  rest({ isEnd }: { isEnd: boolean }): GateSegment | undefined {
    if (isEnd) {
      this.#segment.readings.push(...this.#recent);
      this.#recent = [];
    }
    return this.#length === 0 ? undefined : this.#close();
  }

  #addTime({ slot, atMs, elapsedMs }: JudgedSlot, at: number): void {
    const { grid, intervalMs } = this.#segment;
    const run = grid.at(-1);
    if (run && slot === run[0] + run[2] && elapsedMs === run[1] + run[2] * intervalMs) run[2]++;
    else grid.push([slot, elapsedMs, 1]);
    this.#segment.atMs.push(at === 0 ? atMs : atMs - this.#lastAtMs - intervalMs);
    this.#lastAtMs = atMs;
  }

  #addSample(check: string, node: string, at: number, sample: Sample | undefined): Mark {
    const key = `${node} ${check}`;
    let open = this.#tracks.get(key);
    if (!open) {
      const track: SegmentTrack = { check, node, marks: '', details: [] };
      this.#segment.tracks.push(track);
      open = { track, mark: undefined, count: 0, last: undefined };
      this.#tracks.set(key, open);
    }
    const mark = markOf(sample);
    if (mark === open.mark) open.count++;
    else {
      endRun(open);
      open.mark = mark;
      open.count = 1;
    }
    if (sample && sample.state !== 'OK' && !isSame(sample, open.last)) {
      open.track.details.push({
        at,
        ...(sample.state === 'UNKNOWN' && { reason: sample.reason }),
        ...(sample.detail !== undefined && { detail: sample.detail }),
      });
      open.last = sample;
    }
    return mark;
  }

  #addStanding(node: string, at: number, standing: NodeStanding): void {
    const before = this.#standings.get(node);
    if (before && canonicalJson(before) === canonicalJson(standing)) return;
    this.#standings.set(node, standing);
    this.#segment.standings.push({ at, node, standing });
  }

  /** A change to or from what is not OK is what a person looks into; a long stretch of it is kept at its ends. */
  #keepReading(at: number, reading: SlotReading, pattern: string): void {
    const isNotable = /[-?]/.test(pattern) || /[-?]/.test(this.#lastPattern);
    const isFirst = this.#index === 0 && at === 0;
    if (isFirst || (isNotable && pattern !== this.#lastPattern)) {
      this.#keepsUntil = at + readingsAround;
      this.#keepRecent();
    }
    this.#lastPattern = pattern;
    if (at <= this.#keepsUntil) this.#keep({ at, reading });
    else this.#recent = [...this.#recent.slice(1 - readingsAround), { at, reading }];
  }

  #keepRecent(): void {
    for (const kept of this.#recent) this.#keep(kept);
    this.#recent = [];
  }

  #keep(kept: { at: number; reading: SlotReading }): void {
    if (this.#segment.readings.length < maxReadings) this.#segment.readings.push(kept);
  }

  #close(): GateSegment {
    const closed = this.#segment;
    for (const open of this.#tracks.values()) endRun(open);
    if (segmentLength(closed) !== this.#length) throw new Error('a segment has lost slots');
    this.#index++;
    this.#segment = this.#newSegment();
    this.#length = 0;
    this.#tracks = new Map();
    this.#standings = new Map();
    this.#recent = [];
    this.#keepsUntil -= this.#about.length;
    return closed;
  }

  #newSegment(): GateSegment {
    const { input, system } = this.#about;
    return {
      kind: 'seatrial.gate-segment/1',
      gateId: input.gateId,
      index: this.#index,
      ...(this.#index === 0 && { begun: { input, system } }),
      intervalMs: input.profile.intervalMs,
      grid: [],
      atMs: [],
      tracks: [],
      standings: [],
      readings: [],
    };
  }
}

function endRun(open: OpenTrack): void {
  if (open.mark !== undefined) open.track.marks += `${open.mark}${open.count}`;
}

function isSame(a: Exclude<Sample, { state: 'OK' }>, b: Sample | undefined): boolean {
  if (b?.state !== a.state || b.detail !== a.detail) return false;
  return a.state === 'BAD' || (b.state === 'UNKNOWN' && b.reason === a.reason);
}
