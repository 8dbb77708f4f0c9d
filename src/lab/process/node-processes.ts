import { abortedError } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { CallOptions } from '../lab.ts';
import { sameProcess, sendSignal } from './end-process.ts';
import { findMarked, type MarkedProcess } from './mark.ts';
import type { ProcessStat } from './proc.ts';
import { nodePaths, readRecord, type NodePaths, type ProcessRecord } from './record.ts';

/** A node's record and the living process that belongs to it, where there is one. */
export interface FoundNode {
  paths: NodePaths;
  record: ProcessRecord | undefined;
  stat: ProcessStat | undefined;
}

interface NodeProcessesOptions {
  testnet: string;
  stateDir: string;
  /** Of the machine as it runs now: processes of an earlier boot are gone. */
  bootId: string;
}

/** Tells which process is a node's, by its record or by the mark that it carries. */
export class NodeProcesses {
  readonly #testnet: string;
  readonly #stateDir: string;
  readonly #bootId: string;
  #scan: Promise<MarkedProcess[]> | undefined;

  constructor({ testnet, stateDir, bootId }: NodeProcessesOptions) {
    this.#testnet = testnet;
    this.#stateDir = stateDir;
    this.#bootId = bootId;
  }

  /** Throws what aborted `signal`. */
  async find(name: string, { signal }: CallOptions): Promise<FoundNode> {
    if (signal?.aborted) throw abortedError(signal);
    const paths = this.paths(name);
    const record = await readRecord(paths);
    return { paths, record, stat: await this.#processOf(name, record) };
  }

  /** A pid is the node's only together with its start ticks and this boot; without a pid only its mark tells. */
  async #processOf(name: string, record: ProcessRecord | undefined): Promise<ProcessStat | undefined> {
    if (record && record.bootId !== this.#bootId) return undefined;
    if (record && record.pid !== null && record.startTicks !== null) {
      return sameProcess({ pid: record.pid, startTicks: record.startTicks });
    }
    const marked = await this.marked();
    return marked.find(({ node, nonce }) => node === name && (!record || nonce === record.nonce))?.stat;
  }

  /** One look through /proc serves all callers that ask while it lasts. */
  marked(): Promise<MarkedProcess[]> {
    this.#scan ??= findMarked(this.#testnet, this.#stateDir).finally(() => (this.#scan = undefined));
    return this.#scan;
  }

  /** Children that a node left behind go as they would with a container. */
  async endDescendants(name: string, nonce: string | undefined): Promise<void> {
    // A look of its own: a shared one may have begun before the node was gone.
    for (const marked of await findMarked(this.#testnet, this.#stateDir)) {
      if (marked.node === name && (nonce === undefined || marked.nonce === nonce)) {
        sendSignal(marked.stat, 'SIGKILL', name);
      }
    }
  }

  /** What the node was last started as. */
  async definition(name: string, verb: string, options: CallOptions): Promise<TopologyNode> {
    const { record } = await this.find(name, options);
    if (record) return record.definition;
    throw new LabError(`${name} cannot be ${verb}: it does not exist`, { details: { node: name } });
  }

  /** Throws LabError that it cannot be `verb` (a participle) while its process runs. */
  async requireStopped(name: string, verb: string, options: CallOptions): Promise<FoundNode> {
    const found = await this.find(name, options);
    if (!found.stat) return found;
    throw new LabError(`${name} cannot be ${verb}: it is running as pid ${found.stat.pid}`, {
      details: { node: name, pid: found.stat.pid },
    });
  }

  /** Throws LabError for what is no name of a node: it becomes part of a path. */
  paths(name: string): NodePaths {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw new LabError(`"${name}" is not a node name`);
    return nodePaths(this.#stateDir, name);
  }
}
