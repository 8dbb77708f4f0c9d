import { connect, type Socket } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import { ByteFlow, HELD_LIMIT_BYTES } from './byte-flow.ts';
import type { Verdict } from './link-rules.ts';
import type { Path } from './path.ts';

/** What a connection is told by the rules, for its two directions. */
export interface ConnectionRules {
  forward(): Verdict;
  backward(): Verdict;
}

interface ConnectionParts {
  clock: Clock;
  /** From whoever dialled to whoever listens, and back. */
  forward: Path;
  backward: Path;
  rules: ConnectionRules;
  target: { host: string; port: number };
  onClosed(): void;
}

/**
 * One proxied connection: two sockets and a flow for each direction. A new one waits, with nothing answered, while one of its directions
 * is cut silently: a handshake needs both.
 */
export class LinkConnection {
  readonly #parts: ConnectionParts;
  readonly #dialled: Socket;
  #upstream: Socket | undefined;
  #flows: { forward: ByteFlow; backward: ByteFlow } | undefined;
  /** What came before the other side was dialled. */
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #isWaiting = false;
  #isClosed = false;

  /** `dialled`: just accepted, half-open allowed. Goes on with the first `apply`. */
  constructor(dialled: Socket, parts: ConnectionParts) {
    this.#dialled = dialled;
    this.#parts = parts;
    parts.forward.counters.openConnections++;
    dialled.on('data', (chunk: Buffer) => this.#receive(chunk));
    dialled.on('end', () => {
      if (this.#flows) this.#flows.forward.finish('end');
      else this.close();
    });
    dialled.on('drain', () => this.#flows?.backward.drained());
    dialled.on('error', () => this.#flows?.forward.finish('reset'));
    dialled.on('close', () => this.#closeWhenBothAre());
  }

  /** Looks at the rules anew. */
  apply(): void {
    const { forward, backward, rules } = this.#parts;
    const verdicts = [rules.forward(), rules.backward()] as const;
    if (this.#isClosed) return;
    if (verdicts.includes('reject') && !verdicts.includes('drop')) {
      forward.counters.refusedConnections++;
      this.reset();
      return;
    }
    if (this.#flows) {
      this.#flows.forward.hold(verdicts[0] === 'drop');
      this.#flows.backward.hold(verdicts[1] === 'drop');
    } else if (!verdicts.includes('drop')) {
      this.#open();
    } else if (!this.#isWaiting) {
      this.#isWaiting = true;
      const cut = verdicts[0] === 'drop' ? forward : backward;
      cut.counters.heldConnections++;
    }
  }

  /** The shape of a path has changed. */
  rush(path: Path): void {
    if (path === this.#parts.forward) this.#flows?.forward.rush();
    if (path === this.#parts.backward) this.#flows?.backward.rush();
  }

  reset(): void {
    this.#dialled.resetAndDestroy();
    this.#upstream?.resetAndDestroy();
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#flows?.forward.close();
    this.#flows?.backward.close();
    this.#dialled.destroy();
    this.#upstream?.destroy();
    this.#parts.forward.counters.openConnections--;
    this.#parts.onClosed();
  }

  #open(): void {
    const { clock, forward, backward, target } = this.#parts;
    const dialled = this.#dialled;
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#upstream = upstream;
    const flows = {
      forward: new ByteFlow({ path: forward, clock, source: dialled, sink: sinkOf(upstream) }),
      backward: new ByteFlow({ path: backward, clock, source: upstream, sink: sinkOf(dialled) }),
    };
    this.#flows = flows;
    let isConnected = false;
    upstream.once('connect', () => (isConnected = true));
    upstream.on('data', (chunk: Buffer) => flows.backward.push(chunk));
    upstream.on('end', () => flows.backward.finish('end'));
    upstream.on('drain', () => flows.forward.drained());
    upstream.on('error', () => {
      // Nobody listens there: the dialler is told as it would have been without a link.
      if (isConnected) flows.backward.finish('reset');
      else this.reset();
    });
    upstream.on('close', () => this.#closeWhenBothAre());
    for (const chunk of this.#early.splice(0)) flows.forward.push(chunk);
    dialled.resume();
  }

  #receive(chunk: Buffer): void {
    if (this.#flows) {
      this.#flows.forward.push(chunk);
      return;
    }
    this.#parts.forward.counters.heldBytes += chunk.length;
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes >= HELD_LIMIT_BYTES) this.#dialled.pause();
  }

  #closeWhenBothAre(): void {
    if (this.#dialled.destroyed && (this.#upstream?.destroyed ?? true)) this.close();
  }
}

/** Whatever is written to a side that is gone is lost, as it is on a network. */
function sinkOf(socket: Socket): { write(chunk: Buffer): boolean; end(): void; reset(): void } {
  return {
    write: (chunk) => socket.destroyed || socket.writableEnded || socket.write(chunk),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  };
}
