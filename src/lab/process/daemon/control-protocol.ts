import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultAction, FaultState, PairProbe } from '../../faults.ts';
import type { PathCounters } from '../links/path.ts';
import type { LinkedNode } from '../links/link-proxy.ts';

/** A lease, with its node by name: what it was last started as the daemon knows itself. */
export interface LeaseRequest {
  id: string;
  node: string;
  action: FaultAction;
  ttlMs: number;
}

/** What a command can ask of the lab daemon. One JSON object a line, answered by one with the same `call`. */
export type LabRequest =
  /** Opens the links of a node, before it is started. */
  | { op: 'attach'; node: LinkedNode }
  | { op: 'detach'; node: string }
  | { op: 'counters'; from: string; to: string }
  | { op: 'arm'; lease: LeaseRequest }
  | { op: 'inject' | 'inspect' | 'heal'; node: string; id: string }
  | { op: 'extend'; node: string; id: string; ttlMs: number }
  | { op: 'list' }
  /** Begins to look at pairs; what it opens ends with the connection that asked. */
  | { op: 'watch'; nodes: string[] }
  | { op: 'look'; timeoutMs?: number }
  /** Everything is to end: faults, links, the daemon. */
  | { op: 'end' };

/** What is answered, by what was asked. */
export interface LabAnswers {
  attach: null;
  detach: null;
  counters: PathCounters;
  arm: null;
  inject: null;
  extend: null;
  inspect: FaultState;
  heal: null;
  list: FaultState[];
  watch: null;
  look: PairProbe[];
  end: null;
}

export type LabReply = { call: number } & ({ value: unknown } | { error: string; details?: Record<string, unknown> });

/** Files of the daemon of a testnet, under `<stateDir>/lab`. */
export interface DaemonPaths {
  folder: string;
  socket: string;
  log: string;
  /** Leases of faults, while they count. */
  leases: string;
}

export function daemonPaths(stateDir: string): DaemonPaths {
  const folder = join(stateDir, 'lab');
  return {
    folder,
    socket: join(folder, 'lab.sock'),
    log: join(folder, 'daemon.log'),
    leases: join(folder, 'faults.json'),
  };
}

/** The longest path that a socket's address has room for, its end mark left out. */
const LONGEST_SOCKET_PATH_BYTES = 107;

/** Calls `work` with a path of the socket that is short enough; it is good for as long as `work` goes on. */
export async function withSocketPath<T>(paths: DaemonPaths, work: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(paths.socket) <= LONGEST_SOCKET_PATH_BYTES) return work(paths.socket);
  const folder = await open(paths.folder);
  try {
    return await work(`/proc/self/fd/${folder.fd}/lab.sock`);
  } finally {
    await folder.close();
  }
}
