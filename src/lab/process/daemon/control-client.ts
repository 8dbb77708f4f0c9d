import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { abortedError, type Clock } from '../../../core/clock.ts';
import { LabError } from '../../../core/errors.ts';
import { isErrno } from '../../../core/files.ts';
import type { CallOptions } from '../../call-options.ts';
import { daemonPaths, withSocketPath, type LabAnswers, type LabReply, type LabRequest } from './control-protocol.ts';

/** A daemon answers at once, but for what ends and starts nodes. */
const DEFAULT_TIMEOUT_MS = 60_000;

/** The daemon was killed or ended by itself; another one may be there by now. */
export class DaemonGoneError extends LabError {}

/** A connection to the lab daemon of a testnet. */
export class DaemonConnection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, { resolve(reply: LabReply): void; reject(error: unknown): void }>();
  #lastCall = 0;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    const lines = createInterface({ input: socket });
    // It passes on the socket's errors.
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const reply = JSON.parse(line) as LabReply;
      this.#waiting.get(reply.call)?.resolve(reply);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values())
        reject(new DaemonGoneError('the lab daemon ended while it was asked'));
    });
  }

  /** Undefined when no daemon listens. */
  static async open(stateDir: string, clock: Clock): Promise<DaemonConnection | undefined> {
    try {
      const socket = await withSocketPath(daemonPaths(stateDir), dial);
      return new DaemonConnection(socket, clock);
    } catch (error) {
      // Without its folder it was never there, and a socket that nobody listens on is what a daemon that was killed has left.
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EAGAIN'].some((code) => isErrno(error, code))) return undefined;
      throw error;
    }
  }

  async request<R extends LabRequest>(request: R, options: CallOptions = {}): Promise<LabAnswers[R['op']]> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    if (signal?.aborted) throw abortedError(signal);
    const call = ++this.#lastCall;
    const answered = new AbortController();
    const reply = new Promise<LabReply>((resolve, reject) => {
      if (this.#socket.destroyed) throw new DaemonGoneError('the lab daemon ended');
      this.#waiting.set(call, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ call, ...request })}\n`);
    });
    const ending = AbortSignal.any([answered.signal, ...(signal ? [signal] : [])]);
    const late = this.#clock.sleep(timeoutMs, ending).then(
      () => new LabError(`the lab daemon did not answer to ${request.op} within ${timeoutMs} ms`),
      () => abortedError(signal),
    );
    try {
      const first = await Promise.race([reply, late]);
      if (first instanceof Error) throw first;
      if ('error' in first)
        throw new LabError(first.error, first.details === undefined ? {} : { details: first.details });
      return first.value as LabAnswers[R['op']];
    } finally {
      reply.catch(() => undefined);
      this.#waiting.delete(call);
      answered.abort();
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket.off('error', reject)));
  });
}
