import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '../../../../core/clock.ts';
import { OutgoingFlow, tryFresh } from './probe-flows.ts';
import { answerRequests, say } from './requests.ts';
import type { AgentTask, ProbePeer, ProbeReport } from './task.ts';

const BIND_TRIES = 20;
const REPEAT_MS = 100;
const POLL_MS = 10;

/** The newest look of which something came, over each of a peer's flows. */
interface Heard {
  udp: number;
  tcp: number;
}

/**
 * Stands in a node's network namespace and tells from which peers data arrives there. With each peer it keeps two flows: TCP as nodes use
 * it, and UDP, which alone shows one direction, for TCP needs both.
 */
export async function runProbe({ node, idleMs }: Extract<AgentTask, { role: 'probe' }>): Promise<void> {
  const heard = new Map<string, Heard>();
  const flows = new Map<string, { peer: ProbePeer; flow: OutgoingFlow }>();
  const ended = new AbortController();
  let lastAskedMs = systemClock.monotonicMs();

  const hear = (name: string, kind: keyof Heard, look: number): void => {
    const known = heard.get(name) ?? { udp: 0, tcp: 0 };
    known[kind] = Math.max(known[kind], look);
    heard.set(name, known);
  };
  const { datagrams, port, close } = await bind(hear);

  const setPeers = (peers: readonly ProbePeer[]): void => {
    const wanted = new Map(peers.map((peer) => [peer.name, peer]));
    for (const [name, { peer, flow }] of flows) {
      const same = wanted.get(name);
      if (same?.address === peer.address && same.port === peer.port) continue;
      flow.close();
      flows.delete(name);
      heard.delete(name);
    }
    for (const peer of peers) {
      if (!flows.has(peer.name)) flows.set(peer.name, { peer, flow: new OutgoingFlow(node, peer) });
    }
  };

  const look = async (number: number, timeoutMs: number): Promise<ProbeReport> => {
    const deadlineMs = systemClock.monotonicMs() + timeoutMs;
    const fresh: ProbeReport['fresh'] = {};
    const attempts = [...flows.values()].map(async ({ peer }) => {
      fresh[peer.name] = await tryFresh(peer, timeoutMs);
    });
    const unsent = new Set([...flows.values()].map(({ flow }) => flow));
    const heardAll = (): boolean =>
      [...flows.keys()].every((name) => Math.min(heard.get(name)?.udp ?? 0, heard.get(name)?.tcp ?? 0) >= number);
    let sentMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const nowMs = systemClock.monotonicMs();
      if (nowMs - sentMs >= REPEAT_MS) {
        for (const { peer } of flows.values()) sendTo(datagrams, peer, `look ${number} ${node}`);
        // A stream delivers what it was given once, sooner or later.
        for (const flow of unsent) if (flow.send(`look ${number}`)) unsent.delete(flow);
        sentMs = nowMs;
      }
      if (heardAll() || nowMs >= deadlineMs) break;
      await systemClock.sleep(POLL_MS);
    }
    // Each has its own limit, begun with this look. A peer that was asked later than this one still has to hear of it.
    await Promise.all(attempts);
    const isHeard = (name: string, kind: keyof Heard): boolean => (heard.get(name)?.[kind] ?? 0) >= number;
    return {
      fresh,
      heard: Object.fromEntries(
        [...flows.keys()].map((name) => [name, { udp: isHeard(name, 'udp'), tcp: isHeard(name, 'tcp') }]),
      ),
    };
  };

  const watchIdle = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const leftMs = lastAskedMs + idleMs - systemClock.monotonicMs();
      if (leftMs <= 0) ended.abort();
      else await systemClock.sleep(leftMs, ended.signal).catch(() => undefined);
    }
  };
  const stop = (): void => ended.abort();
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  say({ listens: port });
  await Promise.all([
    watchIdle(),
    answerRequests(async (request) => {
      lastAskedMs = systemClock.monotonicMs();
      if (request.op === 'state') return { result: { port } };
      if (request.op === 'look') return { result: await look(request.look, request.timeoutMs) };
      if (request.op !== 'peers') throw new Error(`a probe cannot ${request.op}`);
      setPeers(request.peers);
      return { result: {} };
    }, ended.signal),
  ]);
  for (const { flow } of flows.values()) flow.close();
  close();
}

type Hear = (name: string, kind: keyof Heard, look: number) => void;

/** The same port of TCP and UDP. */
async function bind(hear: Hear): Promise<{ datagrams: DatagramSocket; port: number; close: () => void }> {
  let failure: unknown;
  for (let attempt = 0; attempt < BIND_TRIES; attempt++) {
    const open = new Set<Socket>();
    const server = listener(hear, open);
    server.listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const datagrams = createSocket('udp4');
    try {
      datagrams.bind(port, '0.0.0.0');
      await once(datagrams, 'listening');
    } catch (error) {
      failure = error;
      server.close();
      continue;
    }
    // A firewall that drops what leaves is an error here; that it does not arrive is seen at the other end.
    datagrams.on('error', () => undefined);
    datagrams.on('message', (message) => {
      const [, number, name] = /^look (\d+) (\S+)$/.exec(message.toString('utf8')) ?? [];
      if (name !== undefined) hear(name, 'udp', Number(number));
    });
    const close = (): void => {
      server.close();
      datagrams.close();
      // Connections of others would keep it alive.
      for (const socket of open) socket.destroy();
    };
    return { datagrams, port, close };
  }
  throw new Error('no port is free for TCP and UDP at once', { cause: failure });
}

/** `fresh` lines are sent back; those of a flow are noted under its peer's name. */
function listener(hear: Hear, open: Set<Socket>): Server {
  return createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    let peer: string | undefined;
    socket.on('error', () => socket.destroy());
    const lines = createInterface({ input: socket });
    lines.on('line', (line) => {
      const [word, value = ''] = line.split(' ');
      if (word === 'fresh') socket.write(`${line}\n`);
      else if (word === 'flow') peer = value;
      else if (word === 'look' && peer !== undefined) hear(peer, 'tcp', Number(value));
    });
  });
}

function sendTo(datagrams: DatagramSocket, { address, port }: ProbePeer, text: string): void {
  datagrams.send(text, port, address, () => undefined);
}
