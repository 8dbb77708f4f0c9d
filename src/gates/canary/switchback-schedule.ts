import { UsageError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';

/** One block of a switchback; times in ms from the start of the schedule. */
export interface SwitchbackBlock {
  index: number;
  /** Blocks 2k and 2k + 1 are pair k: one of them is on, the other off. */
  pair: number;
  isOn: boolean;
  startMs: number;
  /** What was counted before is thrown away: the network still feels the block before. */
  countFromMs: number;
  endMs: number;
}

export interface SwitchbackSchedule {
  seed: number;
  blockMs: number;
  blocks: SwitchbackBlock[];
}

export interface SwitchbackScheduleOptions {
  /** Journalled, so that the schedule can be made again. */
  seed: number;
  /** Even, at least 2. */
  blocks: number;
  blockMs: number;
  /** Share of a block's beginning that is not counted; default a third. */
  discardShare?: number;
}

/**
 * Blocks with the flag on and off, in pairs whose order a coin decides. As many are on as off, and no trend of the
 * network over hours can favour one side by more than a block.
 * @throws UsageError for an odd number of blocks or a length that leaves nothing to count
 */
export function switchbackSchedule(options: SwitchbackScheduleOptions): SwitchbackSchedule {
  const { seed, blocks, blockMs, discardShare = 1 / 3 } = options;
  if (!Number.isInteger(blocks) || blocks < 2 || blocks % 2 !== 0) {
    throw new UsageError(`A switchback needs an even number of blocks, at least 2; got ${blocks}`);
  }
  if (!(blockMs > 0)) throw new UsageError(`A block of a switchback needs a length in ms; got ${blockMs}`);
  if (!(discardShare >= 0 && discardShare < 1)) {
    throw new UsageError(`The discarded share of a block must lie in [0, 1); got ${discardShare}`);
  }
  const random = seededRandom(seed);
  const isFirstOn = Array.from({ length: blocks / 2 }, () => random() < 0.5);
  return {
    seed,
    blockMs,
    blocks: Array.from({ length: blocks }, (_, index) => {
      const pair = Math.floor(index / 2);
      return {
        index,
        pair,
        isOn: isFirstOn[pair] === (index % 2 === 0),
        startMs: index * blockMs,
        countFromMs: Math.round((index + discardShare) * blockMs),
        endMs: (index + 1) * blockMs,
      };
    }),
  };
}
