import { mustRun, runCommand } from './command.ts';
import type { FaultDriver } from './fault-driver.ts';
import type { FaultTask } from './task.ts';
import { HANDLE, shapeLines } from './tc-commands.ts';

interface Qdisc {
  kind: string;
  handle: string;
  root?: boolean;
  bytes?: number;
  packets?: number;
  drops?: number;
  overlimits?: number;
}

/** Shapes what leaves the node, on all its interfaces but the loopback. */
export function trafficShape(task: Extract<FaultTask, { kind: 'shape' }>): FaultDriver<{ devices: string[] }> {
  return {
    before: async () => {
      const devices = await interfaces();
      if (devices.length === 0) throw new Error('it has no interface but the loopback');
      for (const device of devices) {
        const root = await rootQdisc(device);
        // A default one has no handle.
        if (root && root.handle !== '0:' && root.handle !== `${HANDLE}:`) {
          throw new Error(`${device} is shaped already, by a ${root.kind} that is not ours`);
        }
      }
      return { devices };
    },
    inject: async ({ devices }) => {
      for (const device of devices) {
        await remove(device);
        await mustRun('tc', ['-batch', '-'], `${shapeLines(device, task.matches, task.others).join('\n')}\n`);
      }
    },
    look: async ({ devices }) => {
      const effect: Record<string, number> = {};
      for (const device of devices) {
        const found = await qdiscs(device);
        const root = found.find(({ handle }) => handle === `${HANDLE}:`);
        if (!root) {
          return { isThere: false, effect: {}, detail: `the shaping of ${device} is gone: somebody removed it` };
        }
        effect[`${device} packets`] = root.packets ?? 0;
        effect[`${device} bytes`] = root.bytes ?? 0;
        effect[`${device} held back`] = root.overlimits ?? 0;
        effect[`${device} lost`] = found.reduce(
          (sum, { kind, drops = 0 }) => sum + (kind === 'netem' ? drops : 0),
          root.drops ?? 0,
        );
      }
      return { isThere: true, effect };
    },
    undo: async ({ devices }) => {
      for (const device of devices) await remove(device);
    },
  };
}

async function remove(device: string): Promise<void> {
  const root = await rootQdisc(device);
  if (root?.handle === `${HANDLE}:`) await mustRun('tc', ['qdisc', 'del', 'dev', device, 'root']);
}

async function rootQdisc(device: string): Promise<Qdisc | undefined> {
  return (await qdiscs(device)).find(({ root }) => root === true);
}

/** None for an interface that is gone. */
async function qdiscs(device: string): Promise<Qdisc[]> {
  const { exitCode, stdout } = await runCommand('tc', ['-s', '-j', 'qdisc', 'show', 'dev', device]);
  return exitCode === 0 ? (JSON.parse(stdout) as Qdisc[]) : [];
}

async function interfaces(): Promise<string[]> {
  const links = JSON.parse(await mustRun('ip', ['-j', 'link', 'show', 'up'])) as { ifname: string; flags: string[] }[];
  return links.filter(({ flags }) => !flags.includes('LOOPBACK')).map(({ ifname }) => ifname);
}
