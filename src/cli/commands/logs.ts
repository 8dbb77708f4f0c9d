import { UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { print, printJson } from '../output.ts';
import { openDeployed } from '../testnet.ts';

/** `seatrial logs <testnet> [nodes…]`: the newest lines of the nodes, in order of time where the lines tell it. */
export async function logs(name: string, nodes: string[], options: { tail: number; json?: boolean }): Promise<void> {
  const { topology, lab } = await openDeployed(name);
  try {
    const names = topology.nodes.map((node) => node.name);
    for (const node of nodes) {
      if (!names.includes(node)) throw new UsageError(`there is no node ${node}${didYouMean(node, names)}`);
    }
    const chosen = topology.nodes.filter((node) => nodes.length === 0 || nodes.includes(node.name));
    const lines = (await Promise.all(chosen.map((node) => lab.logs(node, { tail: options.tail })))).flat();
    if (lines.every((line) => line.atMs !== undefined)) lines.sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0));
    if (options.json) {
      printJson({ lines });
      return;
    }
    const width = Math.max(0, ...chosen.map((node) => node.name.length));
    for (const line of lines) print(chosen.length > 1 ? `${line.node.padEnd(width)} | ${line.text}` : line.text);
  } finally {
    await lab.close();
  }
}
