import { mustRun, runCommand } from './command.ts';
import type { FaultDriver } from './fault-driver.ts';
import { cutTable, dnsTable, removal, renewal } from './nft-ruleset.ts';
import type { FaultTask } from './task.ts';

/** The kernel's own time limit comes after the agent's, which also cleans up. */
const KERNEL_MARGIN_MS = 5_000;

type CutTask = Extract<FaultTask, { kind: 'cut' | 'dns' }>;

/** Rules in the node's network namespace: one table of the lease's name. */
export function networkCut(task: CutTask): FaultDriver<null> {
  const { table } = task;
  const labels = task.kind === 'dns' ? ['questions to name servers'] : task.matches.map(({ label }) => label);
  const seconds = (remainingMs: number): number => (remainingMs + KERNEL_MARGIN_MS) / 1000;
  return {
    before: async () => null,
    inject: async (_before, remainingMs) => {
      const text =
        task.kind === 'dns'
          ? dnsTable(table, seconds(remainingMs))
          : cutTable(table, task.matches, seconds(remainingMs));
      // One transaction: what a try before left is replaced.
      await mustRun('nft', ['-f', '-'], removal(table) + text);
    },
    extend: async (remainingMs) => {
      await mustRun('nft', ['-f', '-'], renewal(table, seconds(remainingMs)));
    },
    look: async () => {
      const { exitCode, stdout } = await runCommand('nft', ['-j', 'list', 'table', 'inet', table]);
      if (exitCode !== 0) {
        return { isThere: false, effect: {}, detail: `its nft table ${table} is gone: somebody removed it` };
      }
      return { isThere: true, effect: countersIn(stdout, labels) };
    },
    undo: async () => {
      await mustRun('nft', ['-f', '-'], removal(table));
    },
  };
}

interface ListedCounter {
  counter?: { name: string; packets: number; bytes: number };
}

/** What was dropped or rejected so far, by the labels of the rules. */
export function countersIn(json: string, labels: readonly string[]): Record<string, number> {
  const { nftables } = JSON.parse(json) as { nftables: ListedCounter[] };
  const found = new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter] as const] : [])));
  return Object.fromEntries(
    labels.flatMap((label, index) => {
      const { packets = 0, bytes = 0 } = found.get(`c${index}`) ?? {};
      return [
        [`${label} packets`, packets],
        [`${label} bytes`, bytes],
      ];
    }),
  );
}
