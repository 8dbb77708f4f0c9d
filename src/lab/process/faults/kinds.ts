import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultAction, FaultActionKind } from '../../faults.ts';
import { nodePaths, readRecord } from '../record.ts';
import { clockSkew, findFaketime } from './clock-skew.ts';
import { config } from './config.ts';
import { cpu, CPU_TOOLS } from './cpu.ts';
import { diskFull } from './disk-full.ts';
import { down } from './down.ts';
import type { FaultKind } from './fault-kind.ts';
import { linkFault } from './link-faults.ts';
import { pause } from './pause.ts';
import { hasTool } from './run-tool.ts';

const kinds = { cut: linkFault, shape: linkFault, pause, down, 'disk-full': diskFull, clock: clockSkew, cpu, config };

/** What acts and undoes a kind of fault; undefined for what the process lab has no means for. */
export function kindOf(action: FaultAction): FaultKind<FaultAction> | undefined {
  return (kinds as Partial<Record<FaultActionKind, unknown>>)[action.kind] as FaultKind<FaultAction> | undefined;
}

/** For each kind `true`, or what is missing on this machine or in this testnet. */
export async function capabilitiesOf(stateDir: string): Promise<Record<FaultActionKind, true | string>> {
  const tool = async (programs: readonly string[], from: string): Promise<true | string> => {
    const found = await Promise.all(programs.map(hasTool));
    const missing = programs.find((_program, index) => !found[index]);
    return missing === undefined ? true : `the program ${missing} (${from}) is not installed here`;
  };
  const [links, diskFullTool, cpuTools, faketime] = await Promise.all([
    linksLack(stateDir),
    tool(['prlimit'], 'util-linux'),
    tool(CPU_TOOLS, 'util-linux and coreutils'),
    findFaketime(),
  ]);
  return {
    cut: links,
    shape: links,
    dns: 'nodes of the process lab reach each other by address, so there are no names whose resolution could fail',
    pause: true,
    down: true,
    'disk-full': diskFullTool,
    clock:
      faketime === undefined
        ? 'libfaketime is not installed here; on Debian and Ubuntu it is the package libfaketime'
        : true,
    cpu: cpuTools,
    memory:
      'the memory of a plain process cannot be limited while it runs without a cgroup of its own; a Docker lab can',
    config: true,
    'monitoring-gone': 'the process lab runs no monitoring: gates ask the nodes themselves',
  };
}

async function linksLack(stateDir: string): Promise<true | string> {
  const names = await readdir(join(stateDir, 'nodes')).catch((): string[] => []);
  const records = await Promise.all(names.map((name) => readRecord(nodePaths(stateDir, name)).catch(() => undefined)));
  const direct = records.find((record) => record && !record.definition.links)?.definition.name;
  if (direct === undefined) return true;
  return `${direct} reaches the others directly; with links: proxy in the testnet file, and an up, they talk through the lab`;
}
