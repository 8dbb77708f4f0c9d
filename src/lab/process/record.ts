import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../../core/files.ts';
import type { TopologyNode } from '../../topology/topology.ts';

/** The program file as it was when it was started. */
export interface ProgramRecord {
  path: string;
  /** `sha256:<hex>` of the content right before the start. */
  digest: string;
  /** Device, inode, size and times: equal means that nobody wrote to the file since. */
  fingerprint: string;
}

/**
 * `process.json`: what the lab knows of a node. It is written before the start without a pid (the intent) and again after it;
 * a record without a pid makes the lab look for the process by its mark.
 */
export interface ProcessRecord {
  formatVersion: 1;
  /** Part of the mark that the process carries in its environment. */
  nonce: string;
  /** Boot of the machine in which the process was started. */
  bootId: string;
  pid: number | null;
  startTicks: number | null;
  startedAtMs: number;
  command: string[];
  generation: string;
  program: ProgramRecord | null;
  /** Set when a stop was asked for, so that a crash can be told from a stop. */
  stopRequestedAtMs: number | null;
  definition: TopologyNode;
}

/** Where things of one node are, under `<stateDir>/nodes/<name>`. */
export interface NodePaths {
  folder: string;
  record: string;
  logDir: string;
}

export function nodePaths(stateDir: string, name: string): NodePaths {
  const folder = join(stateDir, 'nodes', name);
  return { folder, record: join(folder, 'process.json'), logDir: join(folder, 'logs') };
}

export function readRecord(paths: NodePaths): Promise<ProcessRecord | undefined> {
  return readJsonFile<ProcessRecord>(paths.record);
}

export function writeRecord(paths: NodePaths, record: ProcessRecord): Promise<void> {
  return writeFileAtomic(paths.record, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}
