import type { Clock } from '../core/clock.ts';
import { AbortedError, messageOf } from '../core/errors.ts';
import type { ProbeClient, SubmitResult, SystemProfile } from '../spec/profile.ts';
import type { Ledger } from './ledger.ts';

/** Time that the system has for acknowledging one transaction, in ms. */
const submitTimeoutMs = 5_000;
/** Transactions without an answer at one time; more than this and the generator waits instead of piling up. */
const maxInFlight = 200;
/** Shortest time between two batches: what is due in it shares one wait for the disk, in ms. */
const batchMs = 25;

export interface LoadOptions {
  profile: Pick<SystemProfile, 'submit'>;
  /** Client by node name; traffic goes to them in turn. */
  clients: ReadonlyMap<string, ProbeClient>;
  perSecond: number;
  ledger: Ledger;
  clock: Clock;
  /** Marks the payloads of this run. */
  label: string;
  /** Whether a node is taking traffic now; one that is being replaced is passed over, as a load balancer would do. */
  isServing?: (node: string) => boolean;
}

/** Running traffic. */
export interface Load {
  /** False once it was stopped, or has stopped by itself because the ledger cannot be written. */
  readonly isOffering: boolean;
  /** Stops sending, and waits until every transaction in flight has its outcome. */
  stop(): Promise<void>;
}

/**
 * Offers transactions at a steady rate until stopped. The rate is of the schedule: a late tick sends what it owes. What a tick sends is
 * noted down in the ledger first, all of it with one wait for the disk; when that fails nothing more is sent.
 */
export function startLoad(options: LoadOptions): Load {
  const { profile, clients, perSecond, ledger, clock, label, isServing = () => true } = options;
  const { submit } = profile;
  const stopping = new AbortController();
  const inFlight = new Set<Promise<void>>();
  const nodes = [...clients.keys()];
  let flying = 0;
  let turn = 0;

  const nextNode = (): string | undefined => {
    for (let tries = 0; tries < nodes.length; tries++) {
      const node = nodes[turn++ % nodes.length];
      if (node !== undefined && isServing(node)) return node;
    }
    return undefined;
  };

  const send = async (node: string, sequence: number): Promise<void> => {
    const client = clients.get(node);
    const startMs = clock.monotonicMs();
    let result: SubmitResult;
    try {
      result =
        submit && client
          ? await submit(client, { sequence, payload: `${label}-${sequence}`, timeoutMs: submitTimeoutMs })
          : { outcome: 'rejected', reason: 'the system has no transactions' };
    } catch (error) {
      result = { outcome: 'unknown', reason: messageOf(error) };
    }
    ledger.record(sequence, result, clock.monotonicMs() - startMs);
    flying--;
  };

  const sendAll = async (batch: readonly string[]): Promise<void> => {
    let sequences: number[];
    try {
      sequences = await ledger.intend(batch);
    } catch {
      // A write that is not noted down must not be sent; the ledger tells why when it is sealed.
      stopping.abort(new AbortedError('the ledger cannot be written'));
      return;
    }
    await Promise.all(sequences.map((sequence, index) => send(batch[index] ?? '', sequence)));
  };

  const pump = async (): Promise<void> => {
    const startMs = clock.monotonicMs();
    let offered = 0;
    while (!stopping.signal.aborted) {
      const due = Math.floor(((clock.monotonicMs() - startMs) / 1000) * perSecond);
      const batch: string[] = [];
      for (; offered < due; offered++) {
        if (flying >= maxInFlight) continue;
        const node = nextNode();
        if (node === undefined) {
          ledger.noteUnserved();
          continue;
        }
        flying++;
        batch.push(node);
      }
      if (batch.length > 0) {
        const sending = sendAll(batch).finally(() => inFlight.delete(sending));
        inFlight.add(sending);
      }
      await clock.sleep(Math.max(batchMs, 1000 / perSecond), stopping.signal);
    }
  };

  const running = submit && perSecond > 0 && nodes.length > 0 ? pump() : Promise.resolve();
  const ended = running.catch((error: unknown) => {
    if (!(error instanceof AbortedError)) throw error;
  });
  // What ended the load early is told by `stop`, which may be called much later.
  ended.catch(() => undefined);
  return {
    get isOffering() {
      return !stopping.signal.aborted;
    },
    async stop() {
      stopping.abort(new AbortedError('the load was stopped'));
      await ended;
      await Promise.all(inFlight);
    },
  };
}
