import { UsageError } from '../../core/errors.ts';
import { prepareRunbook } from '../../engine/planning/prepare.ts';
import { defineRunbook, type Runbook } from '../../engine/runbook.ts';
import { beyondCatalogue } from '../../faults/beyond-catalogue.ts';
import { catalogue } from '../../faults/catalogue.ts';
import { faultKinds, type FaultSpec } from '../../faults/fault-spec.ts';
import { parseFault } from '../../faults/parse-fault.ts';
import type { FaultActionKind } from '../../lab/faults.ts';
import { formatDuration } from '../../report/format.ts';
import { executeAndReport, openNamedProject, requireDeployed, withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import { accessLab } from '../labs.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed } from '../testnet.ts';

export interface FaultOptions {
  for?: string;
  set: string[];
  json?: boolean;
}

/** `seatrial fault <kind> <testnet> [targets…]`: a run that breaks something, shows that it did, holds, heals, and gates what it broke. */
export async function fault(kind: string, testnet: string, targets: string[], options: FaultOptions): Promise<number> {
  const spec = parseFault({ kind, targets: targets.join(','), set: options.set, for: options.for });
  const interrupt = interruptSignal();
  try {
    const project = await openNamedProject(testnet);
    await requireDeployed(project);
    const access = await accessLab(project, await project.topology(project.desired));
    try {
      const notice = (text: string): void => void process.stderr.write(`${text}\n`);
      return await withLock(project.stateDir, `fault ${kind}`, notice, async () => {
        const prepared = await prepareRunbook(project, access.lab, faultRunbook(spec), given(spec), interrupt.signal);
        return executeAndReport(project, prepared, access, options, interrupt);
      });
    } finally {
      await access.lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

/** One fault as a runbook: break, hold, heal. What must hold meanwhile follows from who reaches whom. */
function faultRunbook(spec: FaultSpec): Runbook {
  const { kind, durationMs } = spec;
  const parameters = Object.fromEntries(
    Object.keys(given(spec)).map((name) => [name, { description: 'as it was typed' }]),
  );
  return defineRunbook({
    name: 'fault',
    description: 'One fault: break something, hold, heal.',
    parameters,
    plan: () => ({
      stages: [
        { kind: 'fault', id: kind, fault: spec },
        // What is over at once has nothing to hold.
        ...(kind === 'restart'
          ? []
          : [{ kind: 'hold' as const, id: 'hold', forMs: durationMs, expects: 'computed' as const }]),
        { kind: 'heal', id: 'heal', fault: kind },
      ],
      onFailure: 'hold',
    }),
  });
}

/** What was typed, for the plan and its readers. */
function given({ kind, targets, parameters, durationMs }: FaultSpec): Record<string, string> {
  return {
    kind,
    ...(targets.length > 0 && { targets: targets.join(',') }),
    ...(durationMs > 0 && { for: `${durationMs / 1000}s` }),
    ...parameters,
  };
}

/** `seatrial fault list <testnet>`: every fault that is armed or acts there, and what is left of others. */
export async function listFaults(name: string, options: { json?: boolean }): Promise<void> {
  const { topology, lab } = await openDeployed(name);
  try {
    const faults = (await lab.faults?.list()) ?? [];
    if (options.json) {
      printJson({ testnet: topology.testnet, faults });
      return;
    }
    if (faults.length === 0) {
      print(`nothing is broken on purpose on ${topology.testnet}`);
      return;
    }
    const rows = faults.map(({ id, node, kind, state, remainingMs, detail = '' }) => [
      id,
      node,
      kind,
      state,
      remainingMs === undefined ? '-' : formatDuration(Math.max(0, remainingMs)),
      detail,
    ]);
    print(table([['FAULT', 'NODE', 'ACTION', 'STATE', 'ENDS IN', ''], ...rows]));
    print(`\nend them with: seatrial heal ${topology.testnet} --all`);
  } finally {
    await lab.close();
  }
}

/** `seatrial fault kinds [testnet]`: the catalogue; of a testnet, also what its lab can do here. */
export async function listKinds(name: string | undefined, options: { json?: boolean }): Promise<void> {
  const capabilities = name === undefined ? undefined : await capabilitiesOf(name);
  const kinds = faultKinds.map((kind) => {
    const { title, action, targets, parameters, effectProof, healProof } = catalogue[kind];
    const capability = capabilities?.[action];
    return {
      kind,
      title,
      action,
      targets,
      parameters,
      effectProof,
      healProof,
      ...(capability !== undefined && { isAble: capability === true }),
      ...(typeof capability === 'string' && { lacks: capability }),
    };
  });
  if (options.json) {
    printJson({
      kinds: kinds.map((each) => ({ ...each, targets: boundsOf(each.targets) })),
      beyond: Object.entries(beyondCatalogue).map(([name, each]) => ({ name, ...each })),
    });
    return;
  }
  const rows = kinds.map(({ kind, title, targets, parameters, isAble, lacks = '' }) => [
    kind,
    title,
    targets.most === 0 ? 'no targets' : targets.least === 0 ? 'targets may be left out' : 'targets',
    ...(capabilities ? [isAble ? 'yes' : 'no'] : []),
    lacks ||
      Object.entries(parameters)
        .map(([parameter, { isRequired }]) => (isRequired ? `${parameter}!` : parameter))
        .join(' '),
  ]);
  print(table([['KIND', 'WHAT', 'AT', ...(capabilities ? ['HERE'] : []), 'PARAMETERS (! must be given)'], ...rows]));
  print('\nNo kinds of faults, but to be tried as well:');
  print(table(Object.values(beyondCatalogue).map(({ title, instead }) => [title, instead])));
}

/** JSON has no infinity. */
function boundsOf({ least, most }: { least: number; most: number }): { least: number; most?: number } {
  return { least, ...(Number.isFinite(most) && { most }) };
}

async function capabilitiesOf(name: string): Promise<Record<FaultActionKind, true | string>> {
  const { topology, lab } = await openDeployed(name);
  try {
    if (lab.faults) return await lab.faults.capabilities();
    throw new UsageError(`nothing can be broken on purpose on the ${topology.lab} lab`);
  } finally {
    await lab.close();
  }
}
