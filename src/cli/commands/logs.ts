import { systemClock } from '../../core/clock.ts';
import { AbortedError, messageOf, UsageError } from '../../core/errors.ts';
import { exitCode } from '../../core/exit-code.ts';
import type { LogLine } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import { chooseNamed } from '../choose-nodes.ts';
import { mergeByTime } from '../logs/merge-by-time.ts';
import { selectLines } from '../logs/select-lines.ts';
import { writeLines } from '../logs/write-lines.ts';
import { pastTime } from '../past-time.ts';
import { openDeployed } from '../testnet.ts';

/** Newest lines of each node when nothing says which. */
const defaultTail = 100;
/** So long a silent node keeps the lines of the others back while all are followed, in ms. */
const patienceMs = 400;

export interface LogsOptions {
  since?: string;
  until?: string;
  grep?: string;
  tail?: number;
  follow?: boolean;
  json?: boolean;
}

/** `seatrial logs <testnet> [nodes…]`: the lines of all nodes, on a Docker lab of the monitoring as well, in the order of their times. */
export async function logs(name: string, names: string[], options: LogsOptions): Promise<number> {
  const { sinceMs, untilMs, pattern } = wantedOf(options);
  const { follow = false } = options;
  const { topology, lab } = await openDeployed(name);
  const stop = new AbortController();
  const { signal } = stop;
  const leave = (): void => stop.abort(new AbortedError('the reader has left'));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const each of signals) process.once(each, leave);
  // Whoever read them has gone, as `head` does when it has enough.
  process.stdout.once('error', leave);
  const problems = new Map<string, string>();
  try {
    const chosen = chooseNamed(membersOf(topology), names);
    const isSearch = pattern !== undefined || sinceMs !== undefined || untilMs !== undefined;
    const tail = options.tail ?? (isSearch ? undefined : defaultTail);
    // The newest of those that fit can be told only when all are known, and what is followed has no end.
    const tailsFitting = !follow && isSearch;
    const streams = chosen.map((member): AsyncIterable<LogLine> => {
      const lines = lab.streamLogs(member, { signal, sinceMs, follow, ...(!tailsFitting && { tail }) });
      return selectLines(lines, { untilMs, pattern, ...(tailsFitting && { tail }) });
    });
    const merged = mergeByTime(streams, {
      clock: systemClock,
      signal,
      ...(follow && { patienceMs }),
      onFailure: (index, error) => problems.set(chosen[index]?.name ?? '', messageOf(error)),
    });
    await writeLines(merged, {
      form: options.json ? (follow ? 'json-lines' : 'json') : 'text',
      names: chosen.map((member) => member.name),
      isTerminal: process.stdout.isTTY,
      write: (text) => void process.stdout.write(text),
      problems,
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop.abort();
    for (const each of signals) process.off(each, leave);
    await lab.close();
  }
  for (const problem of problems.values()) process.stderr.write(`${problem}\n`);
  return problems.size > 0 ? exitCode.lab : exitCode.pass;
}

interface Wanted {
  sinceMs: number | undefined;
  untilMs: number | undefined;
  pattern: RegExp | undefined;
}

function wantedOf({ since, until, grep, follow }: LogsOptions): Wanted {
  const nowMs = systemClock.wallMs();
  const sinceMs = since === undefined ? undefined : pastTime(since, nowMs);
  const untilMs = until === undefined ? undefined : pastTime(until, nowMs);
  if (follow && untilMs !== undefined)
    throw new UsageError('--follow has no end: leave out --until, or leave out --follow');
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) {
    throw new UsageError(`--since ${since} is later than --until ${until}: nothing lies between them`);
  }
  return { sinceMs, untilMs, pattern: grep === undefined ? undefined : patternOf(grep) };
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new UsageError(`--grep takes a regular expression: ${messageOf(error)}`, { cause: error });
  }
}

/** What has a log: the nodes, and on container labs the monitoring services. */
function membersOf({ nodes, monitoring }: Topology): { name: string }[] {
  const services = monitoring
    ? ['prometheus', 'alertmanager', ...(monitoring.images.grafana === undefined ? [] : ['grafana'])]
    : [];
  return [...nodes.map(({ name }) => ({ name })), ...services.map((name) => ({ name }))];
}
