import { UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { durationOf } from '../../core/parameters.ts';
import { catalogue } from '../../faults/catalogue.ts';
import { faultKinds, type FaultKind } from '../../faults/fault-spec.ts';
import type { RunbookContext, RunbookStage } from '../runbook.ts';
import { drawableKinds } from './draw-fault.ts';
import { drawSequence, type ChaosStep } from './sequence.ts';

/**
 * The stages of a random sequence from the parameters `seed`, `for`, `hold`, `kinds`, `versions`, `halt` and `steps`. Every id begins with the
 * number of its step. Throws UsageError for what cannot be met, and where no traffic is offered.
 */
export function chaosStages(context: RunbookContext): RunbookStage[] {
  const { testnet, nodes, parameters, faults: ground, traffic } = context;
  const { seed = '', for: length = '', hold = '', steps: chosen = 'all', halt } = parameters;
  if (traffic !== true) {
    throw new UsageError(
      `a sequence shows that no acknowledged write is lost, and ${testnet} would have none: ${traffic}`,
    );
  }
  const off = nodes.find(({ state }) => state !== 'running');
  if (off) throw new UsageError(`${off.name} is ${off.state}: a sequence begins on a testnet of which every node runs`);
  if (!ground) throw new UsageError('nothing can be broken on purpose on this lab');
  const versions = versionsOf(context);
  const drawn = drawSequence({
    ground,
    seed: seedOf(seed),
    kinds: kindsOf(context),
    versionCount: versions.length,
    mayHalt: halt === 'allowed',
    forMs: durationOf(length, 'for'),
    // Within half of it nodes must be seen to go on, after what was under way has come to its end.
    holdMs: durationOf(hold, 'hold', 4_000),
  });
  if (drawn.length === 0) {
    throw new UsageError(
      'this testnet can bear nothing of it: no fault of these kinds leaves a quorum, and there are no two releases to change between',
    );
  }
  const steps = selected(drawn, chosen);
  const current = new Map(nodes.map(({ name, version }) => [name, version]));
  return steps.flatMap((step) => stagesOf(step, versions, current));
}

/** `current`: what each node runs by then. */
function stagesOf(
  { number, fault, change }: ChaosStep,
  versions: readonly string[],
  current: Map<string, string>,
): RunbookStage[] {
  const stages: RunbookStage[] = [];
  const begun = `${number}-${fault?.kind}`;
  if (fault) stages.push({ kind: 'fault', id: begun, fault });
  if (change) {
    const { node, shift } = change;
    const at = versions.indexOf(current.get(node) ?? '');
    const version = versions[(Math.max(0, at) + shift) % versions.length] ?? '';
    current.set(node, version);
    stages.push({ kind: 'change', id: `${number}-change`, changes: [{ node, version }] });
  }
  if (fault && fault.durationMs > 0) {
    stages.push({ kind: 'hold', id: `${number}-hold`, forMs: fault.durationMs, expects: 'computed' });
  }
  if (fault) stages.push({ kind: 'heal', id: `${number}-heal`, fault: begun });
  return stages;
}

/** The numbers of the steps that a plan of such a sequence has, by the ids of its stages. */
export function stepNumbers(ids: readonly string[]): number[] {
  const numbers = ids.flatMap((id) => /^(\d+)-/.exec(id)?.[1] ?? []).map(Number);
  return [...new Set(numbers)];
}

function selected(steps: readonly ChaosStep[], text: string): ChaosStep[] {
  if (text === 'all') return [...steps];
  const numbers = text.split(',').map((part) => part.trim());
  const wrong = numbers.find((part) => !steps.some(({ number }) => String(number) === part));
  if (wrong !== undefined) {
    throw new UsageError(
      `steps cannot name "${wrong}": this sequence has the steps 1 to ${steps.length}, as in steps=1,4`,
    );
  }
  return steps.filter(({ number }) => numbers.includes(String(number)));
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed < 2 ** 32) return seed;
  throw new UsageError(`seed cannot be "${text}": it is a whole number from 0 to ${2 ** 32 - 1}`);
}

function kindsOf({ parameters, faults }: RunbookContext): FaultKind[] {
  const text = parameters['kinds'] ?? 'auto';
  if (text === 'none' || !faults) return [];
  // What costs data is nothing that a node must live through, and of monitoring no acknowledged write depends.
  // A container that ends by a full disk is started again by its engine, without the fault, which is void then.
  const isLost = (kind: FaultKind): boolean => kind === 'disk-full' && faults.topology.lab === 'docker';
  const usual = faultKinds.filter(
    (kind) => !catalogue[kind].costsData && catalogue[kind].targets.most > 0 && !isLost(kind),
  );
  if (text === 'auto') return drawableKinds(faults, usual);
  return text.split(',').map((part) => {
    const name = part.trim();
    const kind = faultKinds.find((one) => one === name);
    if (kind === undefined)
      throw new UsageError(`kinds names ${name}, which is no fault${didYouMean(name, faultKinds)}`);
    const able = faults.capabilities[catalogue[kind].action];
    if (able !== true) throw new UsageError(`kinds names ${kind}, which is beyond this lab here: ${able}`);
    return kind;
  });
}

/** A release with a suffix (`1.2.0-bad`) is a release before a release, and taken only where it is named. */
function versionsOf({ parameters, releases }: RunbookContext): string[] {
  const text = parameters['versions'] ?? 'auto';
  if (text === 'none') return [];
  if (text === 'auto') return releases.filter((version) => !version.includes('-'));
  const versions = text.split(',').map((part) => part.trim());
  for (const [index, version] of versions.entries()) {
    if (!releases.includes(version)) {
      throw new UsageError(`versions names ${version}, which is no release here${didYouMean(version, releases)}`);
    }
    // A node would be moved from a release to itself.
    if (versions.indexOf(version) !== index) throw new UsageError(`versions names ${version} twice`);
  }
  return versions;
}
