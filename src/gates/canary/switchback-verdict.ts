import { UsageError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { detectableShare } from './detectable-share.ts';
import { createEProcess } from './e-process.ts';
import { comparedHarm, excessHarm, type Harm, type HarmByNode } from './harm.ts';
import type { CanaryVerdict } from './relative-verdict.ts';
import type { SwitchbackBlock, SwitchbackSchedule } from './switchback-schedule.ts';

export interface SwitchbackInput {
  schedule: SwitchbackSchedule;
  /** All nodes that are compared, the flagged one among them. */
  nodes: readonly string[];
  flagged: string;
  /** By index of the block, its discarded part not counted. undefined: nothing is known of it. May end before the schedule. */
  harmByBlock: readonly (HarmByNode | undefined)[];
  /** Breaks ties for "the worst node". */
  seed: number;
  /** Events that every node must have had in a block, or the block is left out; default 20. */
  minTotal?: number;
  /** The e-value that fails; default 100. With several measures of harm judged side by side, multiply by their number. */
  failAt?: number;
  /** A pass needs enough blocks to find a flag with at least this share (see `detectable`); default 0.95. */
  mustDetect?: number;
}

/** Evidence of one e-process over hits and misses. */
export interface SwitchbackEvidence {
  eValue: number;
  hits: number;
  /** Hits and misses. */
  count: number;
  /** Share of hits that the hypothesis of no harm allows. */
  expected: number;
}

/** The smallest effect that would have been found with `power`, given the blocks so far. A share is absent where none would. */
export interface SwitchbackDetectable {
  power: number;
  /** Share of the on-blocks in which the flagged node is the worst. */
  worstShare?: number;
  /** Share of the pairs in which the flagged node stands worse among the others with the flag on than with it off. */
  pairShare?: number;
  text: string;
}

export interface SwitchbackVerdict {
  verdict: CanaryVerdict;
  reason: string;
  /** The smaller one of both kinds of evidence; harm must show in both. */
  eValue: number;
  failAt: number;
  /** Is the flagged node the worst of N while the flag is on, more often than one in N? */
  worst: SwitchbackEvidence;
  /** Does it stand worse among the others with the flag on than with it off, more often than a fair coin? */
  pairs: SwitchbackEvidence;
  blocks: {
    planned: number;
    /** Blocks of which anything was to be known by now. */
    seen: number;
    /** Enough events, by state of the flag. */
    on: number;
    off: number;
    /** Pairs of which both blocks had enough events. */
    pairs: number;
    leftOut: number;
  };
  detectable: SwitchbackDetectable;
}

const power = 0.8;

/**
 * Judges a flag that was switched on and off on one node at random times.
 *
 * It fails only if two e-processes both reach `failAt`. The first is against 1/N: in how many on-blocks is the flagged
 * node the worst? Alone it would blame a node that always was the worst one. The second compares the two blocks of each
 * pair. If the flag does nothing, what the network did in both blocks does not depend on which of them was on, and that
 * was decided by the schedule's coin: whatever the noise, its drift or its memory, each pair speaks against the flag
 * with a probability of 1/2. So the chance of ever failing a harmless flag is at most 1/failAt, however often one looks.
 */
export function judgeSwitchback(input: SwitchbackInput): SwitchbackVerdict {
  const { schedule, nodes, flagged, harmByBlock, seed, minTotal = 20, failAt = 100, mustDetect = 0.95 } = input;
  if (nodes.length < 2 || !nodes.includes(flagged) || new Set(nodes).size !== nodes.length) {
    throw new UsageError(`A switchback compares ${flagged} with other nodes; got ${nodes.join(', ') || 'none'}`);
  }
  const worst = createTally(1 / nodes.length);
  const pairs = createTally(1 / 2);
  const counts = { planned: schedule.blocks.length, seen: 0, on: 0, off: 0, pairs: 0, leftOut: 0 };
  let partner: { block: SwitchbackBlock; harm: BlockHarm } | undefined;

  for (const block of schedule.blocks.slice(0, harmByBlock.length)) {
    counts.seen++;
    const harm = blockHarm(harmByBlock[block.index], nodes, flagged, minTotal);
    if (harm === undefined) {
      counts.leftOut++;
      continue;
    }
    counts[block.isOn ? 'on' : 'off']++;
    if (block.isOn && !isSilent(harm)) worst.add(isWorst(harm, seededRandom(seed, block.index)));
    if (partner?.block.pair === block.pair) {
      counts.pairs++;
      const [on, off] = block.isOn ? [harm, partner.harm] : [partner.harm, harm];
      const rise = excessHarm(on.own, on.others) - excessHarm(off.own, off.others);
      // Without any harm in both, a difference would only be one of volume.
      if (rise !== 0 && !(isSilent(on) && isSilent(off))) pairs.add(rise > 0);
    }
    partner = { block, harm };
  }

  const detectable = detectableFlag(nodes.length, counts.on, counts.pairs, failAt);
  const eValue = Math.min(worst.peak, pairs.peak);
  const facts = { eValue, failAt, worst: worst.evidence(), pairs: pairs.evidence(), blocks: counts, detectable };
  return { ...conclusion(facts, flagged, mustDetect), ...facts };
}

interface BlockHarm {
  own: Harm;
  others: Harm[];
}

function blockHarm(
  harm: HarmByNode | undefined,
  nodes: readonly string[],
  flagged: string,
  minTotal: number,
): BlockHarm | undefined {
  const known = nodes.flatMap((node) => {
    const one = harm?.[node];
    return one !== undefined && one.bad >= 0 && Number.isFinite(one.bad) && one.total >= minTotal
      ? [{ node, one }]
      : [];
  });
  const own = known.find(({ node }) => node === flagged)?.one;
  if (own === undefined || known.length < nodes.length) return undefined;
  return { own, others: known.filter(({ node }) => node !== flagged).map(({ one }) => one) };
}

function isSilent({ own, others }: BlockHarm): boolean {
  return own.bad === 0 && others.every(({ bad }) => bad === 0);
}

function isWorst({ own, others }: BlockHarm, random: () => number): boolean {
  if (others.some((other) => comparedHarm(other, own) > 0)) return false;
  const equals = others.filter((other) => comparedHarm(other, own) === 0).length;
  return equals === 0 || random() < 1 / (equals + 1);
}

function createTally(expected: number): { peak: number; add(isHit: boolean): void; evidence(): SwitchbackEvidence } {
  const process = createEProcess();
  let hits = 0;
  let count = 0;
  return {
    get peak() {
      return process.peak;
    },
    add(isHit) {
      count++;
      if (isHit) hits++;
      process.bet(isHit ? 1 : 0, expected);
    },
    evidence: () => ({ eValue: process.peak, hits, count, expected }),
  };
}

function detectableFlag(nodeCount: number, onBlocks: number, pairs: number, failAt: number): SwitchbackDetectable {
  // Each of the two may miss the effect in half of the cases that are allowed to be missed.
  const each = { threshold: failAt, power: 1 - (1 - power) / 2 };
  const worstShare = detectableShare({ ...each, mean: 1 / nodeCount, steps: onBlocks });
  const pairShare = detectableShare({ ...each, mean: 1 / 2, steps: pairs });
  const text =
    worstShare === undefined || pairShare === undefined
      ? `${onBlocks} on-blocks and ${pairs} pairs are too few to find any flag with a probability of 80 %`
      : `with a probability of 80 % a flag would have been found that makes its node the worst of ${nodeCount} in ` +
        `${percent(worstShare)} of the on-blocks, and worse than without it in ${percent(pairShare)} of the pairs`;
  return {
    power,
    ...(worstShare === undefined ? {} : { worstShare }),
    ...(pairShare === undefined ? {} : { pairShare }),
    text,
  };
}

function conclusion(
  facts: Omit<SwitchbackVerdict, 'verdict' | 'reason'>,
  flagged: string,
  mustDetect: number,
): { verdict: CanaryVerdict; reason: string } {
  const { eValue, failAt, worst, pairs, blocks, detectable } = facts;
  const found =
    `${flagged} was the worst in ${worst.hits} of ${worst.count} on-blocks with harm, and worse with the flag than ` +
    `without it in ${pairs.hits} of ${pairs.count} pairs (e = ${eValue.toPrecision(3)}, fails at ${failAt})`;
  if (eValue >= failAt) return { verdict: 'fail', reason: found };
  const inconclusive = (why: string) => ({
    verdict: 'inconclusive' as const,
    reason: `${why}; ${found}; ${detectable.text}`,
  });
  if (blocks.seen < blocks.planned) return inconclusive(`${blocks.seen} of ${blocks.planned} blocks are over`);
  const { worstShare = Infinity, pairShare = Infinity } = detectable;
  if (Math.max(worstShare, pairShare) > mustDetect) {
    return inconclusive(`too few blocks with enough events: ${blocks.leftOut} of ${blocks.planned} were left out`);
  }
  // Evidence at the 5 % level is not enough to blame the flag, and too much to clear it.
  if (eValue >= failAt / 5) return inconclusive('the evidence against the flag is suspicious');
  return { verdict: 'pass', reason: `${found}; ${detectable.text}` };
}

function percent(share: number): string {
  return `${Math.ceil(share * 100)} %`;
}
