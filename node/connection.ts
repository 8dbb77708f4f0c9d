import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Sign } from './keys.ts';
import type { ValidatorSet } from './validators.ts';
import { parseWireMessage } from './wire.ts';
import type { WireMessage } from './wire.ts';

export interface LocalIdentity {
  readonly id: string;
  readonly sign?: Sign;
  readonly chainId: string;
  readonly version: string;
  readonly validators: ValidatorSet;
}

export interface ConnectionEvents {
  /** The peer has proved who it is. */
  readonly established: (connection: Connection) => void;
  readonly message: (connection: Connection, message: WireMessage) => void;
  /** Called once, whether or not the connection was ever established. */
  readonly closed: (connection: Connection, reason: string) => void;
}

type Fields = Record<string, unknown>;

/** The peer broke the rules of the wire; the connection ends and nothing else does. */
class ProtocolError extends Error {}

const protocol = 1;
const maxFrameBytes = 8 * 1024 * 1024;
const maxUnsentBytes = 32 * 1024 * 1024;
const handshakeTimeoutMs = 3000;
const silenceTimeoutMs = 6000;

/**
 * One TCP connection: frames of a 4-byte length and JSON. Each side says hello with a fresh nonce and signs the other's; who claims
 * a validator's id must sign with that validator's key.
 */
export class Connection {
  /** Whether this side opened it. */
  readonly isOutgoing: boolean;
  peer = '';
  readonly #socket: Socket;
  readonly #local: LocalIdentity;
  readonly #events: ConnectionEvents;
  readonly #expectedPeer: string | null;
  readonly #nonce = randomBytes(16).toString('hex');
  #state: 'hello' | 'auth' | 'established' | 'closed' = 'hello';
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #reason = 'closed by the peer';
  #silence: NodeJS.Timeout;

  constructor(socket: Socket, local: LocalIdentity, events: ConnectionEvents, expectedPeer: string | null) {
    this.#socket = socket;
    this.#local = local;
    this.#events = events;
    this.#expectedPeer = expectedPeer;
    this.isOutgoing = expectedPeer !== null;
    socket.setNoDelay(true);
    // Counts what is received: a frozen peer's kernel goes on taking what we write.
    this.#silence = this.#closeAfter(handshakeTimeoutMs);
    socket.on('error', (error) => (this.#reason = error.message));
    socket.on('close', () => {
      this.#state = 'closed';
      clearTimeout(this.#silence);
      events.closed(this, this.#reason);
    });
    socket.on('data', (chunk) => this.#guard(() => this.#receive(chunk)));
    const { id, chainId, version } = local;
    this.#write({ type: 'hello', protocol, chainId, id, version, nonce: this.#nonce });
  }

  send(message: WireMessage): void {
    if (this.#state === 'established') this.#write(message);
  }

  /** Shows the peer that this side lives; to be called more often than every {@link silenceTimeoutMs}. */
  ping(): void {
    if (this.#state === 'established') this.#write({ type: 'ping' });
  }

  close(reason: string): void {
    this.#reason = reason;
    this.#socket.destroy();
  }

  #closeAfter(silenceMs: number): NodeJS.Timeout {
    return setTimeout(() => this.close(`silent for ${silenceMs} ms`), silenceMs);
  }

  #write(value: object): void {
    // A peer that reads nothing must not fill our memory; it will ask again for what it missed.
    if (this.#socket.writableLength > maxUnsentBytes) this.close('the peer does not read');
    const payload = Buffer.from(JSON.stringify(value));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(payload.length);
    this.#socket.write(Buffer.concat([length, payload]));
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.message);
    }
  }

  #receive(chunk: Buffer): void {
    this.#silence.refresh();
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    for (;;) {
      if (this.#bufferedBytes < 4 || this.#socket.destroyed) return;
      const first = this.#chunks[0];
      let bytes = first !== undefined && first.length >= 4 ? first : Buffer.concat(this.#chunks);
      const length = bytes.readUInt32BE();
      if (length > maxFrameBytes) throw new ProtocolError(`frame of ${length} bytes`);
      if (this.#bufferedBytes < 4 + length) return;
      if (bytes.length < this.#bufferedBytes) bytes = Buffer.concat(this.#chunks);
      const rest = bytes.subarray(4 + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#bufferedBytes = rest.length;
      this.#frame(bytes.toString('utf8', 4, 4 + length));
    }
  }

  #frame(text: string): void {
    const value = parseJson(text);
    if (this.#state === 'hello') this.#hello(value as Fields | null);
    else if (this.#state === 'auth') this.#auth(value as Fields | null);
    else if ((value as Fields | null)?.['type'] !== 'ping') {
      const message = parseWireMessage(value);
      if (message === null) throw new ProtocolError('malformed message');
      this.#events.message(this, message);
    }
  }

  #hello(hello: Fields | null): void {
    const { id, sign, chainId } = this.#local;
    if (hello?.['type'] !== 'hello' || hello['protocol'] !== protocol) throw new ProtocolError('not the same protocol');
    if (hello['chainId'] !== chainId) throw new ProtocolError(`peer is of chain ${JSON.stringify(hello['chainId'])}`);
    const { id: peer, nonce } = hello;
    if (typeof peer !== 'string' || peer === '' || peer === id || typeof nonce !== 'string' || nonce.length > 64) {
      throw new ProtocolError('malformed hello');
    }
    if (this.#expectedPeer !== null && peer !== this.#expectedPeer) throw new ProtocolError(`peer says it is ${peer}`);
    this.peer = peer;
    this.#state = 'auth';
    this.#write({ type: 'auth', signature: sign?.(helloBytes(chainId, id, peer, nonce)) ?? '' });
  }

  #auth(auth: Fields | null): void {
    const { id, validators, chainId } = this.#local;
    const signature = auth?.['type'] === 'auth' ? auth['signature'] : null;
    if (typeof signature !== 'string') throw new ProtocolError('malformed authentication');
    const bytes = helloBytes(chainId, this.peer, id, this.#nonce);
    if (validators.powerOf(this.peer) > 0 && !validators.isSigned(this.peer, bytes, signature)) {
      throw new ProtocolError(`peer cannot prove to be ${this.peer}`);
    }
    this.#state = 'established';
    clearTimeout(this.#silence);
    this.#silence = this.#closeAfter(silenceTimeoutMs);
    this.#events.established(this);
  }
}

function helloBytes(chainId: string, from: string, to: string, nonce: string): Buffer {
  return Buffer.from(JSON.stringify(['hello', chainId, from, to, nonce]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ProtocolError('frame is not JSON');
  }
}
