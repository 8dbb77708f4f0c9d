import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { LabError } from '../../../core/errors.ts';
import { isErrno } from '../../../core/files.ts';
import { LeaseKeeper } from '../faults/lease-keeper.ts';
import { PairMesh } from '../faults/pair-mesh.ts';
import { LinkProxy, type LinkedNode } from '../links/link-proxy.ts';
import { linkedNode } from '../links/linked-node.ts';
import { findMarked } from '../mark.ts';
import { readStat } from '../proc.ts';
import { nodePaths, readRecord } from '../record.ts';
import { createProcessLab } from '../process-lab.ts';
import { daemonPaths } from './control-protocol.ts';
import { serveControl, type LabHandler } from './control-server.ts';
import { Supervision } from './supervision.ts';

interface DaemonOptions {
  testnet: string;
  /** Absolute. */
  stateDir: string;
  clock: Clock;
  random(): number;
}

/** How often it looks whether its supervisors live and whether it is still needed. */
const HOUSEKEEPING_MS = 1000;

/**
 * The one process of a testnet on the process lab that is no node: it pipes what nodes say to each other, and holds the leases of faults. Resolves when it is asked to end, when
 * there is nothing left that it serves, or at once when another one serves the testnet already.
 */
export async function runLabDaemon(options: DaemonOptions): Promise<void> {
  const { stateDir, clock } = options;
  const supervision = new Supervision(options, readStat(process.ppid));
  const singleton = await claim(stateDir);
  if (!singleton) return;
  const ending = new AbortController();
  const paths = daemonPaths(stateDir);
  const proxy = new LinkProxy({ clock, random: options.random });
  await restoreLinks(proxy, stateDir);
  const lab = createProcessLab({ topology: { testnet: options.testnet, stateDir }, clock });
  const keeper = new LeaseKeeper({ tools: { lab, proxy, clock }, file: paths.leases, stateDir });
  // Before anybody is answered: who asks what acts must hear of what is left as well. Nothing waits here for the undoing itself.
  await keeper.undoLeft();
  const control = await serveControl(paths, handlerOf({ proxy, keeper, supervision, clock, ending }));
  await keepHouse(options, { proxy, keeper, supervision, clock, ending });
  await supervision.end();
  control.close();
  keeper.close();
  proxy.close();
  await rm(paths.folder, { recursive: true, force: true });
  singleton.close();
}

interface Parts {
  proxy: LinkProxy;
  keeper: LeaseKeeper;
  supervision: Supervision;
  clock: Clock;
  ending: AbortController;
}

function handlerOf({ proxy, keeper, supervision, clock, ending }: Parts): LabHandler {
  const meshes = new WeakMap<Socket, PairMesh>();
  return async (request, caller) => {
    switch (request.op) {
      case 'attach':
        return proxy.attach([request.node]);
      case 'detach':
        await keeper.forget(request.node);
        return proxy.detach(request.node);
      case 'counters':
        return proxy.counters(request.from, request.to);
      case 'arm':
        await keeper.arm(request.lease);
        return supervision.keep({ isFaulty: true });
      case 'inject':
        return keeper.inject(request.node, request.id);
      case 'extend':
        keeper.extend(request.node, request.id, request.ttlMs);
        return undefined;
      case 'inspect':
        return keeper.inspect(request.node, request.id);
      case 'heal':
        return keeper.heal(request.node, request.id);
      case 'list':
        return keeper.list();
      case 'watch': {
        const mesh = await PairMesh.open(proxy, clock, nodesNamed(request.nodes, proxy));
        if (caller.destroyed) mesh.close();
        else caller.once('close', () => mesh.close());
        meshes.set(caller, mesh);
        return undefined;
      }
      case 'look': {
        const mesh = meshes.get(caller);
        if (!mesh) throw new LabError('this connection looks at no pairs');
        return mesh.look(request.timeoutMs);
      }
      case 'end':
        ending.abort();
        return undefined;
    }
  };
}

function nodesNamed(names: readonly string[], proxy: LinkProxy): LinkedNode[] {
  return names.map((name) => {
    const node = proxy.nodes.find((one) => one.name === name);
    if (!node) throw new LabError(`${name} has no links that could be looked at`, { details: { node: name } });
    return node;
  });
}

/** Until it is to end. */
async function keepHouse(
  { testnet, stateDir }: DaemonOptions,
  { proxy, keeper, supervision, clock, ending }: Parts,
): Promise<void> {
  while (!ending.signal.aborted) {
    await supervision.keep({ isFaulty: keeper.isHolding });
    await clock.sleep(HOUSEKEEPING_MS, ending.signal).catch(() => undefined);
    await proxy.repair();
    if (!(await isNeeded(testnet, stateDir))) ending.abort();
  }
}

async function isNeeded(testnet: string, stateDir: string): Promise<boolean> {
  return existsSync(join(stateDir, 'nodes')) || (await findMarked(testnet, stateDir)).length > 0;
}

/** What a daemon that was killed has served. One link that cannot be listened on keeps nobody from the others. */
async function restoreLinks(proxy: LinkProxy, stateDir: string): Promise<void> {
  const names = await readdir(join(stateDir, 'nodes')).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const records = await Promise.all(names.map((name) => readRecord(nodePaths(stateDir, name))));
  const nodes = records.flatMap((record) => linkedNode(record?.definition) ?? []);
  await proxy.attach(nodes).catch(() => undefined);
}

/** The kernel decides between two daemons: a name that ends with its process. Undefined when it is taken. */
async function claim(stateDir: string): Promise<Server | undefined> {
  const name = createHash('sha256')
    .update(await realpath(stateDir))
    .digest('hex');
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (isErrno(error, 'EADDRINUSE') ? resolve(undefined) : reject(error)));
    server.listen(`\0seatrial-lab-${name}`, () => resolve(server));
  });
}
