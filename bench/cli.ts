/**
 * What the command line itself costs, in CPU time against `node -e 0`: the help, and one look at a running testnet of 4 nodes.
 *
 *     node bench/cli.ts
 */
import { compare, timed } from './support/measure.ts';
import { benchProject, node, referenceReleases } from './support/project.ts';
import { reportLimit } from './support/results.ts';

const pairs = 25;
const project = await benchProject([...referenceReleases, 'lab: process', 'nodes: { validator: 4 }']);
const cpu = async (command: string[]): Promise<number> => (await timed(command, { cwd: project.root })).cpuMs;
const nothing = (): Promise<number> => cpu([node, '-e', '0']);

try {
  await timed(project.seatrial('up', `stacks/${project.testnet}.yaml`), { cwd: project.root });
  const help = await compare(pairs, () => cpu(project.seatrial('--help')), nothing);
  const status = await compare(pairs, () => cpu(project.seatrial('status', project.testnet)), nothing);
  for (const [name, limit, { subject, peer, ratio }] of [
    ['`seatrial --help`', 1.6, help],
    ['`seatrial status`, 4 running nodes', 3, status],
  ] as const) {
    reportLimit(name, ratio, limit, {
      unit: '× `node -e 0`',
      measured: `${ratio.toFixed(2)} × (${subject.toFixed(0)} ms and ${peer.toFixed(0)} ms)`,
      explanation:
        'A look at the stages, once: about 13 ms for the command line parser, 10 ms for the command with the HTTP client, 8 ms for the lab and the profile, and 16 ms for the questions to four nodes, about half of it for the first.',
      how: `CPU time (user + system), median of ${pairs} interleaved pairs`,
    });
  }
} finally {
  await project.remove();
}
