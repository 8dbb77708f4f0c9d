import { createProbeClient } from '../../gates/probe-client.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { RefusedError } from '../../core/errors.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { VoidError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import type { RunState } from '../run-state.ts';

const lookTimeoutMs = 2_000;
/** A file system keeps so much for an empty folder, journal and all, in bytes. */
const emptyBytes = 64 * 1024;

/** Kills nodes at once, with or without their data, and shows that they are gone. */
export async function lose(context: RunContext, step: PlanStep): Promise<void> {
  const { session, effects, signal } = context;
  const names = await chosenNodes(context, step);
  if (step.mayHalt) session.gates.beginHalt();
  else {
    for (const [index, name] of names.entries()) {
      await session.gates.checkBudget(session.deployed, name, names.slice(0, index), step.id, signal);
    }
  }
  session.gates.beginChange(names);
  await allOver(names.map((name) => effects.kill(step.id, name, signal)));
  if (step.data === 'wipe') await allOver(names.map((name) => effects.wipe(step.id, name, signal)));
  const nodes = session.deployed.nodes.filter(({ name }) => names.includes(name));
  const doubts = (await Promise.all(nodes.map((node) => doubtOf(context, node, step.data === 'wipe')))).flat();
  if (doubts.length > 0) throw new VoidError(`${step.id}: the loss cannot be shown: ${doubts.join('; ')}`);
  const what = step.data === 'wipe' ? 'gone, and their data with them' : 'gone';
  await session.drill?.reach('verified', `${names.join(', ')} ${what}`);
}

/** Rejects when one has, but not before all are over: what gives the nodes back must not meet one that is still being taken. */
async function allOver(deeds: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(deeds)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** The nodes that the step names; `leader` is whoever most of the nodes call so when it is first asked for, and the same to the end of the run. */
export async function chosenNodes(
  { inputs, session }: RunContext,
  { id, nodes }: Pick<PlanStep, 'id' | 'nodes'>,
): Promise<string[]> {
  if (!nodes.includes('leader')) return nodes;
  const before = knownLeader(session.state);
  const leader = before ?? (await leaderNow({ inputs, session }, id));
  if (before === undefined) await session.record({ type: 'choice', step: id, name: 'leader', value: leader });
  return [...new Set(nodes.map((name) => (name === 'leader' ? leader : name)))];
}

/** Those that a step which is done has chosen. */
export function chosenBefore(state: Pick<RunState, 'choices'>, { nodes }: Pick<PlanStep, 'nodes'>): string[] {
  const leader = knownLeader(state);
  return nodes.flatMap((name) => (name === 'leader' ? (leader ?? []) : name));
}

function knownLeader({ choices }: Pick<RunState, 'choices'>): string | undefined {
  const chosen = [...choices].find(([key]) => key.endsWith('/leader'))?.[1];
  return typeof chosen === 'string' ? chosen : undefined;
}

async function leaderNow({ inputs, session }: Pick<RunContext, 'inputs' | 'session'>, step: string): Promise<string> {
  const told = await Promise.all(
    [...session.clients.values()].map((client) => inputs.profile.probe(client).catch(() => undefined)),
  );
  const votes = Map.groupBy(
    told.flatMap((status) => status?.leader ?? []),
    (leader) => leader,
  );
  const [leader] = [...votes].sort(([, a], [, b]) => b.length - a.length)[0] ?? [];
  const names = session.deployed.nodes.map(({ name }) => name);
  if (leader === undefined || !names.includes(leader)) {
    const why = leader === undefined ? 'no node names one' : `they name ${leader}, which is none of the nodes`;
    throw new RefusedError('unsupported', `${step}: the leader cannot be told: ${why}. Name a node instead`);
  }
  return leader;
}

/** Why it may still be there; nothing when it is gone for sure. */
async function doubtOf({ inputs, signal }: RunContext, node: TopologyNode, isWiped: boolean): Promise<string[]> {
  const { lab, profile, clock, transport = httpTransport(clock) } = inputs;
  const { state } = await lab.observe(node, { signal });
  const client = createProbeClient({
    baseUrl: (port) => lab.endpoint(node, port),
    transport,
    timeoutMs: lookTimeoutMs,
    signal,
  });
  const answers = await client.getText(profile.liveness.port, profile.liveness.path).then(
    () => true,
    () => false,
  );
  const sizeBytes = isWiped ? await lab.dataSizeBytes(node, { signal }) : 0;
  return [
    ...(state === 'stopped' ? [] : [`${node.name} is ${state}`]),
    ...(answers ? [`${node.name} still answers`] : []),
    ...(sizeBytes === undefined ? [`how much data ${node.name} has cannot be told`] : []),
    ...(sizeBytes !== undefined && sizeBytes > emptyBytes ? [`${node.name} still has ${sizeBytes} bytes of data`] : []),
  ];
}
