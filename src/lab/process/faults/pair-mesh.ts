import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Clock } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import { linkAddress } from '../../../topology/links.ts';
import type { PairProbe } from '../../faults.ts';
import type { LinkedNode, LinkProxy, OpenLink } from '../links/link-proxy.ts';

/** Beyond what the paths delay. */
const LOOK_TIMEOUT_MS = 2000;
/** What a loss may add. */
const LOSS_ALLOWANCE_MS = 2000;

/** One ordered pair, on a link of its own that nodes do not use. */
interface Pair {
  key: string;
  from: LinkedNode;
  to: LinkedNode;
  link: OpenLink;
  host: string;
  /** The flow that stays open. */
  flow: Socket | undefined;
  /** Number of the last message sent on it, and of the last that had arrived when the last look ended. */
  sent: number;
  arrivedBefore: number;
}

/**
 * Real sockets through the proxy for every ordered pair of nodes, behind the same rules as the nodes' own: one flow that is kept open, whose
 * messages are numbered, and a new connection at each look. It tells of the paths, whether or not the nodes themselves run.
 */
export class PairMesh {
  readonly #proxy: LinkProxy;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #accepted = new Set<Socket>();
  readonly #pairs: Pair[] = [];
  /** Number of the last message that arrived on the flow of each pair. */
  readonly #arrived = new Map<string, number>();
  readonly #onArrival = new Set<() => void>();

  private constructor(proxy: LinkProxy, clock: Clock) {
    this.#proxy = proxy;
    this.#clock = clock;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(proxy: LinkProxy, clock: Clock, nodes: readonly LinkedNode[]): Promise<PairMesh> {
    const mesh = new PairMesh(proxy, clock);
    try {
      await mesh.#start(nodes);
    } catch (error) {
      mesh.close();
      throw error;
    }
    return mesh;
  }

  async look(timeoutMs = LOOK_TIMEOUT_MS): Promise<PairProbe[]> {
    return Promise.all(this.#pairs.map((pair) => this.#probe(pair, timeoutMs)));
  }

  close(): void {
    for (const { flow, link } of this.#pairs) {
      flow?.destroy();
      link.close();
    }
    for (const socket of this.#accepted) socket.destroy();
    this.#server.close();
  }

  async #start(nodes: readonly LinkedNode[]): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the echo server has no port');
    const target = { host: '127.0.0.1', port: address.port };
    for (const from of nodes) {
      for (const to of nodes) {
        if (from === to) continue;
        const host = linkAddress(from, to);
        const link = await this.#proxy.openProbe(from.name, to.name, host, target);
        const key = `${from.name}>${to.name}`;
        this.#pairs.push({ key, from, to, link, host, flow: undefined, sent: 0, arrivedBefore: 0 });
      }
    }
    await Promise.all(this.#pairs.map((pair) => this.#keepFlow(pair, LOOK_TIMEOUT_MS)));
  }

  /** Opens the pair's flow where there is none, and sees its first message arrive where that is possible. */
  async #keepFlow(pair: Pair, timeoutMs: number): Promise<void> {
    if (pair.flow && !pair.flow.destroyed) return;
    const flow = connect({ host: pair.host, port: pair.link.port, noDelay: true });
    pair.flow = flow;
    flow.on('error', () => undefined);
    this.#send(pair);
    await this.#arrives(pair, timeoutMs);
  }

  async #probe(pair: Pair, timeoutMs: number): Promise<PairProbe> {
    const { from, to } = pair;
    const limitMs = timeoutMs + this.#allowanceMs(from.name, to.name);
    const [established, fresh] = await Promise.all([this.#established(pair, limitMs), this.#fresh(pair, limitMs)]);
    return { from: from.name, to: to.name, ...established, ...fresh };
  }

  async #established(pair: Pair, limitMs: number): Promise<Pick<PairProbe, 'established'>> {
    if (!pair.flow || pair.flow.destroyed) {
      // It was reset. The next look begins on a new one.
      await this.#keepFlow(pair, limitMs);
      pair.arrivedBefore = this.#arrived.get(pair.key) ?? 0;
      return { established: 'blocked' };
    }
    this.#send(pair);
    const isThere = await this.#arrives(pair, limitMs);
    pair.arrivedBefore = this.#arrived.get(pair.key) ?? 0;
    return { established: isThere ? 'ok' : 'blocked' };
  }

  async #fresh(pair: Pair, limitMs: number): Promise<Pick<PairProbe, 'fresh' | 'roundTripMs' | 'detail'>> {
    const over = new AbortController();
    const socket = connect({ host: pair.host, port: pair.link.port, noDelay: true });
    const echoed = new Promise<string>((resolve, reject) => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
    });
    const late = this.#clock.sleep(limitMs, over.signal).then(
      () => undefined,
      () => undefined,
    );
    const startMs = this.#clock.monotonicMs();
    socket.write('echo\n');
    try {
      const answer = await Promise.race([echoed, late]);
      if (answer === undefined) return { fresh: 'blocked', detail: `no answer within ${Math.round(limitMs)} ms` };
      return { fresh: 'ok', roundTripMs: this.#clock.monotonicMs() - startMs };
    } catch (error) {
      return { fresh: 'blocked', detail: messageOf(error) };
    } finally {
      echoed.catch(() => undefined);
      over.abort();
      socket.destroy();
    }
  }

  #send(pair: Pair): void {
    pair.flow?.write(`${pair.key} ${++pair.sent}\n`);
  }

  /** Whether anything arrives that had not when the last look ended. */
  async #arrives(pair: Pair, limitMs: number): Promise<boolean> {
    const isThere = (): boolean => (this.#arrived.get(pair.key) ?? 0) > pair.arrivedBefore;
    if (isThere()) return true;
    const over = new AbortController();
    const look = (): void => {
      if (isThere() || pair.flow?.destroyed) over.abort();
    };
    this.#onArrival.add(look);
    pair.flow?.once('close', look);
    await this.#clock.sleep(limitMs, over.signal).catch(() => undefined);
    pair.flow?.off('close', look);
    this.#onArrival.delete(look);
    return isThere();
  }

  #accept(socket: Socket): void {
    this.#accepted.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#accepted.delete(socket));
    const lines = createInterface({ input: socket });
    // It passes on the socket's errors.
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      if (line === 'echo') {
        socket.write('echo\n');
        return;
      }
      const [key = '', number = '0'] = line.split(' ');
      this.#arrived.set(key, Number(number));
      for (const look of this.#onArrival) look();
    });
  }

  /** What the rules themselves make a message and its answer wait. */
  #allowanceMs(from: string, to: string): number {
    const shapes = [this.#proxy.path(from, to, true).shape, this.#proxy.path(to, from, true).shape];
    return shapes.reduce(
      (sum, shape) =>
        sum + (shape ? shape.delayMs + shape.jitterMs + (shape.lossShare > 0 ? LOSS_ALLOWANCE_MS : 0) : 0),
      0,
    );
  }
}
