import { createServer, type Server } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import { LabError, messageOf } from '../../../core/errors.ts';
import type { NodeLinks } from '../../../topology/topology.ts';
import { LinkConnection } from './link-connection.ts';
import { LinkRules } from './link-rules.ts';
import { Path, type PathCounters } from './path.ts';

/** What the proxy has to know of a node. */
export interface LinkedNode {
  name: string;
  index: number;
  bindAddress: string;
  ports: { name: string; port: number }[];
  links: NodeLinks;
}

/** The name under which whoever uses the published ports appears in rules. */
export const CLIENTS = 'clients';

/** One place to listen on, and where what comes there goes. */
interface Link {
  from: string;
  to: string;
  /** Absent for the proxy's own probes, which are on no node's port. */
  port?: string;
  listen: { host: string; port: number };
  target: { host: string; port: number };
}

export interface OpenLink {
  port: number;
  close(): void;
}

/**
 * Listens on every directed link of the nodes that it knows and pipes what comes there to the node. Faults are rules (`rules`); after a
 * change of them `apply` brings all connections in line.
 */
export class LinkProxy {
  readonly rules = new LinkRules();
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #nodes = new Map<string, LinkedNode>();
  readonly #paths = new Map<string, Path>();
  readonly #connections = new Set<LinkConnection>();
  readonly #listeners = new Map<string, { link: Link; server: Server; listening: Promise<void> }>();

  constructor({ clock, random }: { clock: Clock; random(): number }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Adds nodes or replaces what is known of them; returns when all their links can be used. */
  async attach(nodes: readonly LinkedNode[]): Promise<void> {
    for (const node of nodes) this.#nodes.set(node.name, node);
    await this.#sync();
  }

  async detach(name: string): Promise<void> {
    this.#nodes.delete(name);
    await this.#sync();
  }

  get nodes(): LinkedNode[] {
    return [...this.#nodes.values()];
  }

  /** Probes are counted, and narrowed, apart from what nodes send. */
  path(from: string, to: string, isProbe = false): Path {
    const key = `${from}>${to}${isProbe ? ' probe' : ''}`;
    const known = this.#paths.get(key);
    if (known) return known;
    const path = new Path(from, to, this.#random);
    path.shape = this.rules.shape(from, to);
    this.#paths.set(key, path);
    return path;
  }

  counters(from: string, to: string): PathCounters {
    return this.path(from, to).counters;
  }

  /** Lets the rules as they are now act on everything that is open. */
  apply(): void {
    for (const path of this.#paths.values()) {
      const shape = this.rules.shape(path.from, path.to);
      if (JSON.stringify(shape) === JSON.stringify(path.shape)) continue;
      path.shape = shape;
      for (const connection of this.#connections) connection.rush(path);
    }
    for (const connection of [...this.#connections]) connection.apply();
  }

  /** A link of its own beside those of the nodes' ports, behind the same rules. */
  async openProbe(from: string, to: string, host: string, target: Link['target']): Promise<OpenLink> {
    const link: Link = { from, to, listen: { host, port: 0 }, target };
    const server = this.#serve(link);
    await listen(server, link);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new LabError(`a probe on ${host} has no port`);
    return { port: address.port, close: () => void server.close() };
  }

  /** Tries again to listen where it could not; returns what cannot be listened on. */
  async repair(): Promise<string[]> {
    try {
      await this.#sync();
      return [];
    } catch (error) {
      return [messageOf(error)];
    }
  }

  close(): void {
    for (const { server } of this.#listeners.values()) server.close();
    this.#listeners.clear();
    for (const connection of [...this.#connections]) connection.close();
  }

  async #sync(): Promise<void> {
    const wanted = new Map(wantedLinks(this.nodes).map((link) => [`${link.listen.host}:${link.listen.port}`, link]));
    for (const [key, { server }] of this.#listeners) {
      if (wanted.has(key)) continue;
      server.close();
      this.#listeners.delete(key);
    }
    for (const [key, link] of wanted) {
      const known = this.#listeners.get(key);
      if (known) {
        Object.assign(known.link, link);
        continue;
      }
      const server = this.#serve(link);
      const listening = listen(server, link);
      listening.catch(() => this.#listeners.delete(key));
      this.#listeners.set(key, { link, server, listening });
    }
    const failed = (await Promise.allSettled([...this.#listeners.values()].map(({ listening }) => listening))).find(
      (outcome) => outcome.status === 'rejected',
    );
    if (failed) throw failed.reason;
  }

  #serve(link: Link): Server {
    const options = { allowHalfOpen: true, noDelay: true };
    return createServer(options, (socket) => {
      const { from, to, port, target } = link;
      const isProbe = port === undefined;
      const connection: LinkConnection = new LinkConnection(socket, {
        clock: this.#clock,
        forward: this.path(from, to, isProbe),
        backward: this.path(to, from, isProbe),
        rules: {
          forward: () => this.rules.verdict(from, to, port),
          backward: () => this.rules.verdict(to, from, port),
        },
        target,
        onClosed: () => this.#connections.delete(connection),
      });
      this.#connections.add(connection);
      connection.apply();
    });
  }
}

function wantedLinks(nodes: readonly LinkedNode[]): Link[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const link = (from: string, host: string, to: LinkedNode): Link[] =>
    to.ports.map(({ name, port }) => ({
      from,
      to: to.name,
      port: name,
      listen: { host, port },
      target: { host: to.bindAddress, port },
    }));
  return nodes.flatMap((node) => [
    ...link(CLIENTS, node.links.clientAddress, node),
    ...Object.entries(node.links.peers).flatMap(([peer, host]) => {
      const to = byName.get(peer);
      return to ? link(node.name, host, to) : [];
    }),
  ]);
}

function listen(server: Server, { from, to, listen: { host, port } }: Link): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new LabError(`the link ${from} → ${to} cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
          details: { from, to, host, port },
          cause,
        }),
      ),
    );
    server.listen({ host, port, backlog: 512 }, () => {
      server.removeAllListeners('error').on('error', () => undefined);
      resolve();
    });
  });
}
