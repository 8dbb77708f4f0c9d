import { abortedError, type Clock } from '../../core/clock.ts';
import { AbortedError } from '../../core/errors.ts';
import type { LogLine } from '../../lab/lab.ts';

interface MergeOptions {
  clock: Clock;
  /**
   * How long a stream may leave the others waiting, in ms: what is followed says nothing for hours. Default: until its next line or its
   * end, so that the order is exact.
   */
  patienceMs?: number;
  /** Told of a stream that failed; the others go on. */
  onFailure: (index: number, error: unknown) => void;
  signal?: AbortSignal | undefined;
}

/** One stream, and its next line once that is there. */
interface Source {
  iterator: AsyncIterator<LogLine>;
  head: LogLine | undefined;
  /** Of its newest line with a time: those without one belong to it. */
  timeMs: number;
  isAsked: boolean;
  askedAtMs: number;
  isOver: boolean;
}

/** The lines of all streams in the order of their times, one line of each in memory. */
export async function* mergeByTime(
  streams: readonly AsyncIterable<LogLine>[],
  { clock, patienceMs = Infinity, onFailure, signal }: MergeOptions,
): AsyncGenerator<LogLine> {
  let onNews: () => void = () => undefined;
  const sources = streams.map((stream): Source => {
    const iterator = stream[Symbol.asyncIterator]();
    return { iterator, head: undefined, timeMs: -Infinity, isAsked: false, askedAtMs: 0, isOver: false };
  });
  const ask = (source: Source, index: number): void => {
    source.isAsked = true;
    source.askedAtMs = clock.monotonicMs();
    source.iterator
      .next()
      .then(
        ({ done, value }) => {
          if (done === true) source.isOver = true;
          else {
            source.head = value;
            source.timeMs = value.atMs ?? source.timeMs;
          }
        },
        (error: unknown) => {
          source.isOver = true;
          if (!(error instanceof AbortedError)) onFailure(index, error);
        },
      )
      .finally(() => {
        source.isAsked = false;
        onNews();
      })
      .catch(() => undefined);
  };
  signal?.addEventListener('abort', () => onNews(), { once: true });
  for (;;) {
    if (signal?.aborted) throw abortedError(signal);
    const news = new Promise<void>((resolve) => (onNews = resolve));
    for (const [index, source] of sources.entries()) {
      if (!source.head && !source.isOver && !source.isAsked) ask(source, index);
    }
    const waiting = sources.filter(({ head, isOver }) => !head && !isOver);
    const ready = sources.filter(({ head }) => head);
    const nowMs = clock.monotonicMs();
    // Whoever was silent for that long is not waited for again before it has spoken.
    const leftMs = Math.max(...waiting.map(({ askedAtMs }) => askedAtMs + patienceMs - nowMs), 0);
    const next = ready.reduce<Source | undefined>((a, b) => (a && a.timeMs <= b.timeMs ? a : b), undefined);
    if (next?.head && leftMs === 0) {
      const line = next.head;
      next.head = undefined;
      yield line;
      continue;
    }
    if (waiting.length === 0) return;
    await (next && Number.isFinite(leftMs) ? newsOr(news, leftMs, clock) : news);
  }
}

/** Waits for news, at most so long. */
async function newsOr(news: Promise<void>, limitMs: number, clock: Clock): Promise<void> {
  const stop = new AbortController();
  try {
    await Promise.race([news, clock.sleep(limitMs, stop.signal).catch(() => undefined)]);
  } finally {
    stop.abort();
  }
}
