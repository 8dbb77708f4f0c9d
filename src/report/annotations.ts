import { readFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { HttpTransport } from '../gates/probe-client.ts';
import type { RunRecord } from '../journal/records.ts';
import { AnnotationBuilder, type Annotation } from './annotation-builder.ts';

export interface AnnotatorOptions {
  /** Base URL of Grafana, as in `http://127.0.0.1:3000`. */
  url: string;
  /** File that holds the admin's password; read when the first annotation is sent. */
  passwordFile: string;
  transport: HttpTransport;
  clock: Clock;
  testnet: string;
  runbook: string;
  /** Limit of one request in ms. Default 2 000. */
  timeoutMs?: number;
  /** For how long `close` waits for what is left, in ms. Default 3 000. */
  closeMs?: number;
}

export interface Annotator {
  onRecord(record: RunRecord): void;
  /** Sends what is left, and gives up after a few seconds. Never rejects. */
  close(): Promise<void>;
  /** Annotations that Grafana has taken, those that were given up, and why the last one was. */
  readonly tally: { sent: number; lost: number; problem?: string };
}

/** While Grafana does not answer, nothing is asked of it for this long. */
const restMs = 30_000;
/** A run must not collect what nobody takes. */
const maxWaiting = 500;

/**
 * Writes a run's steps, gates and effects into Grafana as annotations over their time (POST /api/annotations). Best effort: it never
 * throws, never makes the run wait, and what Grafana does not take is dropped and counted.
 */
export function createAnnotator(options: AnnotatorOptions): Annotator {
  const { clock, testnet, runbook, timeoutMs = 2_000, closeMs = 3_000 } = options;
  const builder = new AnnotationBuilder(testnet, runbook);
  const tally: Annotator['tally'] = { sent: 0, lost: 0 };
  const stop = new AbortController();
  const waiting: Annotation[] = [];
  let sending = Promise.resolve();
  let authorization: string | undefined;
  let restUntilMs = Number.NEGATIVE_INFINITY;

  const post = async (annotation: Annotation): Promise<void> => {
    authorization ??= basic((await readFile(options.passwordFile, 'utf8')).trim());
    const { status } = await options.transport({
      method: 'POST',
      url: `${options.url}/api/annotations`,
      headers: { authorization, accept: 'application/json' },
      body: JSON.stringify(annotation),
      timeoutMs,
      maxBytes: 64 * 1024,
      signal: stop.signal,
    });
    if (status < 200 || status > 299) throw new Error(`Grafana answered ${status}`);
  };
  const sendAll = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (stop.signal.aborted || clock.monotonicMs() < restUntilMs) {
        tally.lost++;
        continue;
      }
      try {
        await post(next);
        tally.sent++;
      } catch (error) {
        tally.lost++;
        tally.problem = messageOf(error);
        restUntilMs = clock.monotonicMs() + restMs;
      }
    }
  };
  const enqueue = (annotations: readonly Annotation[]): void => {
    for (const annotation of annotations) {
      if (waiting.length >= maxWaiting) {
        waiting.shift();
        tally.lost++;
      }
      waiting.push(annotation);
    }
    // One round after the other; one that finds nothing left ends at once.
    if (annotations.length > 0) sending = sending.then(sendAll);
  };

  return {
    tally,
    onRecord: (record) => enqueue(builder.add(record)),
    async close() {
      enqueue(builder.rest(clock.wallMs()));
      const timer = new AbortController();
      clock.sleep(closeMs, timer.signal).then(
        () => stop.abort(new Error('the run has ended')),
        () => undefined,
      );
      await sending;
      timer.abort();
    },
  };
}

function basic(password: string): string {
  return `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
}
