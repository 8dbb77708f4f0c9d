import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { Connection } from './connection.ts';
import type { ConnectionEvents, LocalIdentity } from './connection.ts';
import type { Log } from './log.ts';
import type { WireMessage } from './wire.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface PeerAddress extends Address {
  readonly id: string;
}

interface NetworkEvents {
  readonly connected: (peer: string) => void;
  readonly disconnected: (peer: string) => void;
  readonly received: (peer: string, message: WireMessage) => void;
}

const firstRetryMs = 50;
const maxRetryMs = 1000;
const pingIntervalMs = 2000;

/** Keeps one connection to every peer: dials the configured ones for ever, takes incoming ones, drops duplicates. */
export class Network {
  readonly #local: LocalIdentity;
  readonly #configured: readonly PeerAddress[];
  readonly #events: NetworkEvents;
  readonly #log: Log;
  readonly #established = new Map<string, Connection>();
  readonly #open = new Set<Connection>();
  readonly #retries = new Map<string, { delayMs: number; timer: NodeJS.Timeout | null }>();
  readonly #server: Server;
  #isRunning = false;
  #pings: NodeJS.Timeout | undefined;

  constructor(local: LocalIdentity, configured: readonly PeerAddress[], events: NetworkEvents, log: Log) {
    this.#local = local;
    this.#configured = configured.filter(({ id }) => id !== local.id);
    this.#events = events;
    this.#log = log;
    this.#server = createServer((socket) => {
      if (this.#isRunning) this.#adopt((handlers) => new Connection(socket, local, handlers, null), null);
      else socket.destroy();
    });
  }

  /** Takes the port; connections are refused until `start`. */
  listen({ host, port }: Address): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, host, () => {
        this.#server.off('error', reject).on('error', (error) => this.#log('error', 'p2p listener failed', { error }));
        resolve();
      });
    });
  }

  start(): void {
    this.#isRunning = true;
    for (const peer of this.#configured) this.#dial(peer);
    this.#pings = setInterval(() => {
      for (const connection of this.#established.values()) connection.ping();
    }, pingIntervalMs);
  }

  stop(): void {
    this.#isRunning = false;
    clearInterval(this.#pings);
    this.#server.close();
    for (const { timer } of this.#retries.values()) if (timer !== null) clearTimeout(timer);
    for (const connection of this.#open) connection.close('this node stops');
  }

  get connectedCount(): number {
    return this.#established.size;
  }

  /** The configured peers and whoever else is connected, sorted by id. */
  peers(): { readonly id: string; readonly connected: boolean }[] {
    const ids = new Set([...this.#configured.map(({ id }) => id), ...this.#established.keys()]);
    return [...ids].sort().map((id) => ({ id, connected: this.#established.has(id) }));
  }

  send(peer: string, message: WireMessage): void {
    this.#established.get(peer)?.send(message);
  }

  broadcast(message: WireMessage): void {
    for (const connection of this.#established.values()) connection.send(message);
  }

  #dial(peer: PeerAddress): void {
    if (!this.#isRunning || this.#established.has(peer.id)) return;
    const socket = connect({ host: peer.host, port: peer.port });
    this.#adopt((handlers) => new Connection(socket, this.#local, handlers, peer.id), peer);
  }

  #adopt(open: (events: ConnectionEvents) => Connection, dialled: PeerAddress | null): void {
    const connection = open({
      established: (established) => this.#establish(established),
      message: (from, message) => {
        if (this.#established.get(from.peer) === from) this.#events.received(from.peer, message);
      },
      closed: (closed, reason) => {
        this.#open.delete(closed);
        if (this.#established.get(closed.peer) === closed) {
          this.#established.delete(closed.peer);
          this.#log('info', 'peer disconnected', { peer: closed.peer, reason });
          this.#events.disconnected(closed.peer);
        } else {
          this.#log('debug', 'connection closed', { peer: dialled?.id ?? closed.peer, reason });
        }
        const peer = dialled ?? this.#configured.find(({ id }) => id === closed.peer);
        if (peer !== undefined) this.#retry(peer);
      },
    });
    this.#open.add(connection);
  }

  #establish(connection: Connection): void {
    const { peer } = connection;
    const current = this.#established.get(peer);
    if (current !== undefined) {
      // Both sides dialled: both keep the connection that the smaller id opened. The same side again: it has restarted.
      const isPreferred = connection.isOutgoing === this.#local.id < peer;
      if (!isPreferred && current.isOutgoing !== connection.isOutgoing) {
        connection.close('duplicate');
        return;
      }
      this.#established.delete(peer);
      current.close('replaced');
      this.#events.disconnected(peer);
    }
    this.#established.set(peer, connection);
    this.#clearRetry(peer);
    if (current === undefined) this.#log('info', 'peer connected', { peer });
    this.#events.connected(peer);
  }

  #retry(peer: PeerAddress): void {
    const retry = this.#retries.get(peer.id) ?? { delayMs: firstRetryMs, timer: null };
    if (!this.#isRunning || retry.timer !== null || this.#established.has(peer.id)) return;
    // Spread, so that nodes which lost each other at once do not dial each other at once.
    const delayMs = retry.delayMs * (0.5 + Math.random() / 2);
    const timer = setTimeout(() => {
      this.#retries.set(peer.id, { delayMs: Math.min(maxRetryMs, retry.delayMs * 1.6), timer: null });
      this.#dial(peer);
    }, delayMs);
    this.#retries.set(peer.id, { ...retry, timer });
  }

  #clearRetry(peer: string): void {
    const timer = this.#retries.get(peer)?.timer;
    if (timer) clearTimeout(timer);
    this.#retries.delete(peer);
  }
}
