import type { JudgedSystem } from './judged-system.ts';
import type { GateInput } from './gate-judge.ts';
import type { JudgedNodeSlot, JudgedSlot, NodeStanding } from './judged-slot.ts';
import type { SlotReading } from './readings.ts';
import type { Sample, UnknownReason } from './verdict.ts';

/** A sample that was not OK, where it differs from the one before it that was not OK. */
export interface SampleDetail {
  /** Position in the segment, from 0. */
  at: number;
  /** Absent for BAD. */
  reason?: UnknownReason;
  detail?: string;
}

/** All samples of one check on one node. */
export interface SegmentTrack {
  check: string;
  /** `*` for the quorum. */
  node: string;
  /** Runs of equal slots, as `+118-2`: `+` OK, `-` BAD, `?` UNKNOWN, `.` did not apply. Shorter than the segment: no longer judged. */
  marks: string;
  details: SampleDetail[];
}

/** How a node stood from a slot on. */
export interface StandingChange {
  at: number;
  node: string;
  standing: NodeStanding;
}

/**
 * A part of a long gate: what its slots were judged to be, as runs and changes, and the readings around what was not OK. Plain data;
 * with the segments before it, it brings a judge to the very state that it had.
 */
export interface GateSegment {
  kind: 'seatrial.gate-segment/1';
  gateId: string;
  /** From 0, without gaps. */
  index: number;
  /** In the first segment: with what the gate began, so that another process can go on with it. */
  begun?: { input: GateInput; system: JudgedSystem };
  intervalMs: number;
  /** Runs of slots that follow each other on the grid: first number, its `elapsedMs`, how many. */
  grid: [slot: number, elapsedMs: number, count: number][];
  /** Wall time of the first slot, then by how many ms more than the interval each next one was later. */
  atMs: number[];
  tracks: SegmentTrack[];
  standings: StandingChange[];
  /** Raw readings by position. */
  readings: { at: number; reading: SlotReading }[];
}

export type Mark = '+' | '-' | '?' | '.';

export function markOf(sample: Sample | undefined): Mark {
  if (!sample) return '.';
  return sample.state === 'OK' ? '+' : sample.state === 'BAD' ? '-' : '?';
}

/** Number of slots in a segment. */
export function segmentLength({ grid }: GateSegment): number {
  return grid.reduce((sum, [, , count]) => sum + count, 0);
}

/** The slots of a segment, oldest first. Throws when the segment contradicts itself. */
export function* judgedSlots(segment: GateSegment): Generator<JudgedSlot> {
  const length = segmentLength(segment);
  const readers = segment.tracks.map((track) => new TrackReader(track));
  for (const { track, length: own } of readers) {
    if (own > length) throw new Error(`${track.check} of ${track.node} has more slots than the segment`);
  }
  const quorum = readers.find(({ track }) => track.node === '*');
  const nodes = Map.groupBy(
    readers.filter((reader) => reader !== quorum),
    ({ track }) => track.node,
  );
  const standings = new Map<string, NodeStanding>();
  // Days in which nothing changes must be read in a second: slots that are equal share what they were judged to be.
  const changes = changesIn(segment);
  let judged = new Map<string, JudgedNodeSlot>();
  let seen: Sample | undefined;
  let nextStanding = 0;
  let at = 0;
  let atMs = (segment.atMs[0] ?? 0) - segment.intervalMs;
  for (const [firstSlot, firstElapsedMs, count] of segment.grid) {
    for (let index = 0; index < count; index++, at++) {
      atMs += segment.intervalMs + (at === 0 ? 0 : (segment.atMs[at] ?? 0));
      if (changes.has(at)) {
        for (let change = segment.standings[nextStanding]; change && change.at <= at;) {
          standings.set(change.node, change.standing);
          change = segment.standings[++nextStanding];
        }
        judged = nodesAt(at, nodes, standings);
        seen = quorum?.at(at);
      }
      const elapsedMs = firstElapsedMs + index * segment.intervalMs;
      yield { slot: firstSlot + index, atMs, elapsedMs, nodes: judged, ...(seen && { quorum: seen }) };
    }
  }
}

/** Positions at which something is not as in the slot before. */
function changesIn({ tracks, standings }: GateSegment): Set<number> {
  const changes = new Set([0, ...standings.map(({ at }) => at)]);
  for (const { marks, details } of tracks) {
    let at = 0;
    for (const [, , count] of marks.matchAll(runPattern)) changes.add((at += Number(count)));
    for (const detail of details) changes.add(detail.at);
  }
  return changes;
}

function nodesAt(
  at: number,
  nodes: ReadonlyMap<string, TrackReader[]>,
  standings: ReadonlyMap<string, NodeStanding>,
): Map<string, JudgedNodeSlot> {
  const judged = new Map<string, JudgedNodeSlot>();
  for (const [node, readers] of nodes) {
    // A node that is no longer judged has no samples any more.
    if (at >= (readers[0]?.length ?? 0)) continue;
    const standing = standings.get(node);
    if (!standing) throw new Error(`nothing says how ${node} stood`);
    judged.set(node, { samples: readers.map((reader) => reader.at(at)), standing });
  }
  return judged;
}

const runPattern = /([-+?.])(\d+)/g;
const ok: Sample = { state: 'OK' };

/** Reads a track from its beginning on. */
class TrackReader {
  readonly track: SegmentTrack;
  readonly length: number;
  readonly #runs: { mark: string; endsAt: number }[] = [];
  #run = 0;
  #nextDetail = 0;
  #sample: Sample | undefined;
  #detail: SampleDetail | undefined;

  constructor(track: SegmentTrack) {
    this.track = track;
    let endsAt = 0;
    for (const [, mark = '', count] of track.marks.matchAll(runPattern)) {
      endsAt += Number(count);
      this.#runs.push({ mark, endsAt });
    }
    this.length = endsAt;
  }

  /** The sample at a position, which may not be before one that was asked for. */
  at(at: number): Sample | undefined {
    while (at >= (this.#runs[this.#run]?.endsAt ?? Infinity)) this.#run++;
    const { details, check, node } = this.track;
    for (let next = details[this.#nextDetail]; next && next.at <= at; next = details[++this.#nextDetail]) {
      this.#detail = next;
      this.#sample = sampleOf(next);
    }
    const mark = this.#runs[this.#run]?.mark;
    if (mark === undefined || mark === '.') return undefined;
    if (mark === '+') return ok;
    if (!this.#detail || (this.#detail.reason === undefined) !== (mark === '-')) {
      throw new Error(`${check} of ${node}: slot ${at} does not say why it was not OK`);
    }
    return this.#sample;
  }
}

function sampleOf({ reason, detail }: SampleDetail): Sample {
  if (reason === undefined) return { state: 'BAD', detail: detail ?? '' };
  return detail === undefined ? { state: 'UNKNOWN', reason } : { state: 'UNKNOWN', reason, detail };
}
