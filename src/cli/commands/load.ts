import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { RefusedError, UsageError } from '../../core/errors.ts';
import { exitCode } from '../../core/exit-code.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { random } from '../../core/random.ts';
import { durationOf } from '../../core/parameters.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { createProbeClient } from '../../gates/probe-client.ts';
import { newRunId } from '../../journal/run-id.ts';
import { driveLoad, type LoadFigures, type LoadResult } from '../../load/drive-load.ts';
import { openLedger } from '../../load/ledger.ts';
import type { ProbeClient } from '../../spec/profile.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { chooseNamed } from '../choose-nodes.ts';
import { interruptSignal } from '../interrupt.ts';
import { openLiveLine } from '../live-line.ts';
import { loadFiguresText, loadResultText } from '../load-text.ts';
import { print, printJson } from '../output.ts';
import { openDeployed, type DeployedTestnet } from '../testnet.ts';

/** Every transaction is kept in memory until it was looked for: about 300 MB. */
const mostTransactions = 1_000_000;
/** As many as a testnet file may offer. */
const mostPerSecond = 1_000;
/** A submission waits 5 s for its acknowledgement. */
const clientTimeoutMs = 8_000;

export interface LoadCommandOptions {
  rate: string;
  for: string;
  nodes?: string[];
  json?: boolean;
}

/**
 * `seatrial load <testnet>`: offers traffic by itself, then looks for every acknowledged transaction. It changes nothing that a run
 * protects and so takes no lock; its ledger is its own, in `.seatrial/<testnet>/loads/<id>`, and so are its transactions.
 */
export async function load(name: string, options: LoadCommandOptions): Promise<number> {
  const { perSecond, forMs } = amountOf(options);
  const interrupt = interruptSignal({
    first: 'no more is sent; looking for what was acknowledged. Again within 10 s leaves that out',
    second: 'leaving',
    third: 'left at once; the ledger of this load is kept',
  });
  try {
    const testnet = await openDeployed(name);
    try {
      const chosen = await servingNodes(testnet, options.nodes);
      const id = newRunId(systemClock, random);
      const folder = join(testnet.topology.stateDir, 'loads', id);
      const result = await drive(testnet, chosen, { id, folder, perSecond, forMs, isQuiet: options.json }, interrupt);
      const { check, ...figures } = result;
      const told = {
        testnet: testnet.topology.testnet,
        loadId: id,
        ledger: relative(process.cwd(), join(folder, 'ledger.jsonl')),
        nodes: chosen.map((node) => node.name),
        rate: perSecond,
        ...figures,
        ...(check && { ledgerCheck: check }),
        exitCode: codeOf(result),
      };
      await writeFileAtomic(join(folder, 'load.json'), `${JSON.stringify(told, null, 2)}\n`);
      if (options.json) printJson(told);
      else print(loadResultText(result, told.ledger));
      return told.exitCode;
    } finally {
      await testnet.lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

function amountOf(options: LoadCommandOptions): { perSecond: number; forMs: number } {
  const perSecond = Number(options.rate);
  if (!(perSecond > 0 && perSecond <= mostPerSecond)) {
    throw new UsageError(
      `--rate cannot be "${options.rate}": it is transactions a second, above 0 and at most ${mostPerSecond}`,
    );
  }
  const forMs = durationOf(options.for, '--for', 1_000);
  const count = Math.floor((forMs / 1000) * perSecond);
  if (count > mostTransactions) {
    throw new UsageError(
      `--rate ${options.rate} --for ${options.for} makes ${count} transactions; at most ${mostTransactions} are looked for. For traffic of days there is the runbook slo-watch, which counts them only`,
    );
  }
  return { perSecond, forMs };
}

/** The nodes that traffic goes to. Throws when the system takes none, or when none of them runs. */
async function servingNodes(
  { topology, profile, lab }: DeployedTestnet,
  names: readonly string[] | undefined,
): Promise<TopologyNode[]> {
  if (!profile.submit) throw new RefusedError('unsupported', `${profile.title} takes no transactions`);
  const chosen = chooseNamed(topology.nodes, names);
  const states = await Promise.all(chosen.map(async (node) => (await lab.observe(node)).state));
  if (!states.includes('running')) {
    const which = names === undefined ? 'no node' : `none of ${chosen.map(({ name }) => name).join(', ')}`;
    throw new UsageError(`${which} of ${topology.testnet} runs; see: seatrial status ${topology.testnet}`);
  }
  return chosen;
}

interface Drive {
  id: string;
  folder: string;
  perSecond: number;
  forMs: number;
  isQuiet: boolean | undefined;
}

async function drive(
  { topology, profile, lab }: DeployedTestnet,
  chosen: readonly TopologyNode[],
  { id, folder, perSecond, forMs, isQuiet }: Drive,
  { signal, hurry }: { signal: AbortSignal; hurry: AbortSignal },
): Promise<LoadResult> {
  const transport = httpTransport(systemClock);
  const clientsOf = (
    nodes: readonly TopologyNode[],
    urlOf: (node: TopologyNode, port: string) => string,
  ): Map<string, ProbeClient> =>
    new Map(
      nodes.map((node) => [
        node.name,
        createProbeClient({ baseUrl: (port) => urlOf(node, port), transport, timeoutMs: clientTimeoutMs }),
      ]),
    );
  await mkdir(folder, { recursive: true });
  const ledger = await openLedger(join(folder, 'ledger.jsonl'), { clock: systemClock });
  const line = isQuiet ? undefined : await openLiveLine();
  try {
    return await driveLoad({
      ...{ profile, perSecond, forMs, ledger, clock: systemClock, signal, hurry, label: `load-${id}` },
      clients: clientsOf(chosen, (node, port) => lab.clientEndpoint?.(node, port) ?? lab.endpoint(node, port)),
      readers: clientsOf(topology.nodes, (node, port) => lab.endpoint(node, port)),
      onFigures: (figures: LoadFigures) => line?.show(loadFiguresText(figures, forMs)),
    });
  } finally {
    line?.close();
    await ledger.close();
  }
}

/** Harm that was found weighs more than that somebody did not wait for the end. */
function codeOf({ verdict, isInterrupted }: LoadResult): number {
  if (verdict === 'failed') return exitCode.failed;
  if (isInterrupted) return exitCode.interrupted;
  return verdict === 'passed' ? exitCode.pass : exitCode.inconclusive;
}
