import { systemClock } from '../../core/clock.ts';
import { CleanupError, messageOf, UsageError } from '../../core/errors.ts';
import { sweepLeases } from '../../engine/faults/sweep.ts';
import { stateFolder } from '../../engine/state.ts';
import { bareNode } from '../../topology/bare-node.ts';
import { healAll } from '../../faults/heal-all.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import { runFolder } from '../../journal/run-files.ts';
import type { FaultPort, FaultState } from '../../lab/faults.ts';
import type { Topology } from '../../topology/topology.ts';
import { withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import { takeLease } from '../lease.ts';
import { print, printJson } from '../output.ts';
import { openDeployed } from '../testnet.ts';

export interface HealOptions {
  all?: boolean;
  json?: boolean;
}

interface Outcome {
  healed: FaultState[];
  /** Of no journal here. */
  left: FaultState[];
  problems: string[];
}

/**
 * `seatrial heal <testnet>`: ends the faults that runs of this testnet have left behind; with `--all` also those of which no journal here knows.
 * It needs no run, and what it cannot end it names.
 */
export async function heal(name: string, options: HealOptions): Promise<void> {
  const interrupt = interruptSignal();
  const { topology, reference, lab } = await openDeployed(name);
  try {
    const { testnet } = topology;
    const port = lab.faults;
    if (!port) throw new UsageError(`nothing can be broken on purpose on the ${topology.lab} lab`);
    const stateDir = stateFolder(reference.root, testnet);
    const work = async (): Promise<Outcome> => {
      const lease = await takeLease(lab, stateDir, testnet, 'heal', interrupt.signal);
      try {
        return options.all ? await healEverything(port, topology) : await healKnown(port, topology, stateDir);
      } finally {
        await lease.release();
      }
    };
    const outcome = await withLock(stateDir, 'heal', () => undefined, work);
    if (options.json) printJson({ testnet, ...outcome });
    else tell(testnet, outcome);
    if (outcome.problems.length > 0) throw new CleanupError(outcome.problems.join('; '), { details: { testnet } });
  } finally {
    interrupt.dispose();
    await lab.close();
  }
}

async function healEverything(faults: FaultPort, { nodes }: Topology): Promise<Outcome> {
  const before = await faults.list();
  try {
    return { healed: await healAll({ faults, nodes, clock: systemClock }), left: [], problems: [] };
  } catch (error) {
    const after = await faults.list().catch(() => before);
    const healed = before.filter(({ id }) => !after.some((left) => left.id === id));
    return { healed, left: after, problems: [messageOf(error)] };
  }
}

async function healKnown(port: FaultPort, { nodes }: Topology, stateDir: string): Promise<Outcome> {
  const outcome: Outcome = { healed: [], left: [], problems: [] };
  const known = await journalled(stateDir);
  for (const fault of await port.list()) {
    if (!known.has(`${fault.node}/${fault.id}`)) {
      outcome.left.push(fault);
      continue;
    }
    const node = nodes.find(({ name }) => name === fault.node) ?? bareNode(fault.node);
    await sweepLeases(port, [{ id: fault.id, node }], systemClock).then(
      () => outcome.healed.push(fault),
      (error: unknown) => outcome.problems.push(messageOf(error)),
    );
  }
  return outcome;
}

function tell(testnet: string, { healed, left, problems }: Outcome): void {
  for (const { id, node, kind } of healed) print(`healed ${id} on ${node} (${kind})`);
  if (healed.length === 0 && problems.length === 0) print(`nothing had to be healed on ${testnet}`);
  if (left.length === 0) return;
  const names = left.map(({ id, node }) => `${id} on ${node}`).join(', ');
  print(`left alone, because no journal here knows of it: ${names}. End it too with: seatrial heal ${testnet} --all`);
}

/** Leases that runs of this testnet were about to arm, as node/id. */
async function journalled(stateDir: string): Promise<Set<string>> {
  const known = new Set<string>();
  for (const { id, outcome } of await listRuns(stateDir)) {
    if (outcome === 'corrupt') continue;
    const { records } = await readJournal(runFolder(stateDir, id));
    for (const record of records) {
      if (record.type === 'fault.intent') for (const lease of record.leases) known.add(`${lease.node}/${lease.id}`);
    }
  }
  return known;
}
