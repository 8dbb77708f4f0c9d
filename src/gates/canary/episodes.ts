/** Something that went wrong on a node. */
export interface ErrorEvent {
  node: string;
  /** Kind of error, so that one fault does not hide another: a metric's name, a log message without its numbers. */
  class: string;
  atMs: number;
}

/** All errors of one class on one node within a minute of the first. */
export interface ErrorEpisode {
  node: string;
  class: string;
  /** Time of the first error. */
  atMs: number;
  errors: number;
}

/**
 * Episodes, in order of time. One fault makes thousands of error lines, or one; counted as episodes it weighs the same,
 * and a fault that lasts counts once a minute.
 * @param lengthMs from an episode's first error; default 60 s
 */
export function episodesOf(events: readonly ErrorEvent[], lengthMs = 60_000): ErrorEpisode[] {
  const open = new Map<string, ErrorEpisode>();
  const episodes: ErrorEpisode[] = [];
  for (const event of events.toSorted((one, other) => one.atMs - other.atMs)) {
    const key = JSON.stringify([event.node, event.class]);
    const current = open.get(key);
    if (current !== undefined && event.atMs < current.atMs + lengthMs) {
      current.errors++;
      continue;
    }
    const episode = { node: event.node, class: event.class, atMs: event.atMs, errors: 1 };
    open.set(key, episode);
    episodes.push(episode);
  }
  return episodes;
}
