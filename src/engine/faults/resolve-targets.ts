import { UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { Topology } from '../../topology/topology.ts';
import type { RunbookStage } from '../runbook.ts';

export interface TargetNames {
  topology: Pick<Topology, 'testnet' | 'nodes'>;
  /** Who leads, as each node sees it; asked only where somebody wants to know. Empty where the system does not tell. */
  leaders(): Promise<(string | undefined)[]>;
  /** Names of nodes of other testnets here, by testnet. */
  elsewhere(): Promise<ReadonlyMap<string, readonly string[]>>;
}

/**
 * The stages with every target of a fault named: a role stands for its nodes, `leader` for the node that leads now, `net/node` for a node of this
 * net. Throws UsageError for what stands for no node, also where a leader is to be lost and no node tells who leads.
 */
export async function resolveTargets(stages: readonly RunbookStage[], names: TargetNames): Promise<RunbookStage[]> {
  const resolved: RunbookStage[] = [];
  for (const stage of stages) {
    // Who leads when its turn comes is seen then; that nobody will ever tell is known before.
    if (stage.kind === 'lose' && stage.nodes.includes('leader')) await toldLeaders(names);
    if (stage.kind !== 'fault') {
      resolved.push(stage);
      continue;
    }
    const targets: string[] = [];
    for (const target of stage.fault.targets) targets.push(...(await resolveTarget(target, names)));
    resolved.push({ ...stage, fault: { ...stage.fault, targets: [...new Set(targets)] } });
  }
  return resolved;
}

async function resolveTarget(target: string, names: TargetNames): Promise<string[]> {
  const { testnet, nodes } = names.topology;
  if (nodes.some(({ name }) => name === target)) return [target];
  const ofRole = nodes.filter(({ role }) => role === target).map(({ name }) => name);
  if (ofRole.length > 0) return ofRole;
  if (target === 'leader') return [await theLeader(names)];
  const [net = '', node] = target.split('/', 2);
  if (node !== undefined) {
    if (net === testnet) return resolveTarget(node, names);
    throw new UsageError(`${target} is on the testnet ${net}, and this is ${testnet}: a fault acts on one testnet`);
  }
  const elsewhere = [...(await names.elsewhere())].filter(([, others]) => others.includes(target));
  if (elsewhere.length > 0) {
    const where = elsewhere.map(([other]) => other).join(', ');
    throw new UsageError(`there is no node ${target} on ${testnet}; it is on ${where}`);
  }
  const valid = [...nodes.map(({ name }) => name), ...new Set(nodes.map(({ role }) => role)), 'leader'];
  throw new UsageError(`there is no node or role ${target} on ${testnet}${didYouMean(target, valid)}`);
}

/** The node that most of them say leads. */
async function theLeader(names: TargetNames): Promise<string> {
  const told = await toldLeaders(names);
  const { topology } = names;
  const votes = [...Map.groupBy(told, (name) => name)].sort(([, a], [, b]) => b.length - a.length);
  const [name = '', count = []] = votes[0] ?? [];
  const isNode = topology.nodes.some((node) => node.name === name);
  if (isNode && 2 * count.length > told.length) return name;
  const said = votes.map(([who, each]) => `${each.length} say ${who}`).join(', ');
  throw new UsageError(`who leads ${topology.testnet} cannot be told: ${said}; name a node`);
}

/** What those say who say anything. Throws UsageError when nobody does. */
async function toldLeaders({ topology, leaders }: TargetNames): Promise<string[]> {
  const told = (await leaders()).filter((name) => name !== undefined);
  if (told.length === 0) throw new UsageError(`the nodes of ${topology.testnet} do not tell who leads; name a node`);
  return told;
}
