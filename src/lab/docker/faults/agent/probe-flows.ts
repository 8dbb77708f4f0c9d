import { connect, type Socket } from 'node:net';
import { systemClock } from '../../../../core/clock.ts';
import type { ProbePeer, ProbeReport } from './task.ts';

const RECONNECT_MS = 250;

/** A connection that is held for as long as the probe lives, and made again when it breaks. */
export class OutgoingFlow {
  readonly #own: string;
  readonly #peer: ProbePeer;
  readonly #closed = new AbortController();
  #socket: Socket | undefined;

  constructor(own: string, peer: ProbePeer) {
    this.#own = own;
    this.#peer = peer;
    this.#open();
  }

  /** False when there is no connection, nor one under way. */
  send(line: string): boolean {
    const state = this.#socket?.readyState;
    if (state !== 'open' && state !== 'opening') return false;
    this.#socket?.write(`${line}\n`);
    return true;
  }

  close(): void {
    this.#closed.abort();
    this.#socket?.destroy();
  }

  #open(): void {
    const { address, port } = this.#peer;
    const socket = connect({ host: address, port, noDelay: true });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(`flow ${this.#own}\n`);
    socket.once('close', () => void this.#again());
  }

  async #again(): Promise<void> {
    try {
      await systemClock.sleep(RECONNECT_MS, this.#closed.signal);
      this.#open();
    } catch {
      // It was closed on purpose.
    }
  }
}

/** A new connection, and data both ways on it. */
export async function tryFresh(peer: ProbePeer, timeoutMs: number): Promise<ProbeReport['fresh'][string]> {
  const { promise, resolve } = Promise.withResolvers<ProbeReport['fresh'][string]>();
  const limit = AbortSignal.timeout(timeoutMs);
  const socket = connect({ host: peer.address, port: peer.port, noDelay: true });
  let sentMs = 0;
  let received = '';
  socket.setEncoding('utf8');
  socket.once('connect', () => {
    sentMs = systemClock.monotonicMs();
    socket.write('fresh data\n');
  });
  socket.on('data', (text: string) => {
    received += text;
    if (received.includes('\n')) resolve({ isOk: true, roundTripMs: systemClock.monotonicMs() - sentMs });
  });
  socket.once('error', (error) => {
    const reason = 'code' in error ? String(error.code) : error.message;
    resolve({ isOk: false, detail: `the connection was refused (${reason})` });
  });
  limit.addEventListener('abort', () => {
    const how = sentMs === 0 ? 'no connection' : 'no data on a new connection';
    resolve({ isOk: false, detail: `${how} within ${timeoutMs} ms` });
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
