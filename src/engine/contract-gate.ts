import type { Clock } from '../core/clock.ts';
import { createContractCheck, type ContractBefore, type ContractCheck } from '../gates/contract/contract-check.ts';
import type { HttpTransport } from '../gates/probe-client.ts';
import { loadEvidence, storeEvidence } from '../journal/evidence.ts';
import type { Plan, RunEvent } from '../journal/records.ts';
import type { Lab } from '../lab/lab.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import { StepError } from './ending/outcome.ts';
import type { RunState } from './run-state.ts';

export interface ContractGateOptions {
  plan: Pick<Plan, 'contract' | 'steps'>;
  profile: SystemProfile;
  lab: Lab;
  transport: HttpTransport;
  clock: Clock;
  runDir: string;
  state: RunState;
  record(event: RunEvent): Promise<void>;
}

/** Part of a node's gate: it still has the metrics, labels and log fields that others rely on, as it had them before its change. */
export class ContractGate {
  readonly #options: ContractGateOptions;
  readonly #check: ContractCheck | undefined;

  constructor(options: ContractGateOptions) {
    this.#options = options;
    const { contract, steps } = options.plan;
    // Without a preflight the run finds nothing that could have promised anything.
    const hasBefore = steps.some(({ kind }) => kind === 'preflight');
    this.#check = contract && hasBefore ? createContractCheck(options) : undefined;
  }

  /**
   * Looks at nodes that are going to be changed, and keeps it for whoever goes on with the run. Those that were looked at before are left
   * out; those that cannot be looked at have no contract.
   */
  async look({ nodes }: Topology, names: readonly string[], signal: AbortSignal): Promise<void> {
    const check = this.#check;
    if (!check) return;
    const { runDir, state, record } = this.#options;
    const looked = nodes.filter(({ name }) => names.includes(name) && !state.contracts.has(name));
    if (looked.length === 0) return;
    const seen = await Promise.all(looked.map(async (node) => [node.name, await check.before(node, signal)] as const));
    const evidence = await storeEvidence(runDir, Object.fromEntries(seen));
    await record({ type: 'contract.seen', nodes: looked.map(({ name }) => name), evidence });
  }

  /** To be called when the nodes' gate has passed. Throws StepError where the plan enforces the contract and it is not shown to be kept. */
  async require(step: string, { nodes }: Topology, names: readonly string[], signal: AbortSignal): Promise<void> {
    if (!this.#check) return;
    for (const node of nodes) if (names.includes(node.name)) await this.#requireOf(this.#check, step, node, signal);
  }

  /** The same when a run goes on, of nodes whose gate had passed before. A run that has kept no look at them has asked already, or is older. */
  async requireAgain(topology: Topology, names: readonly string[], signal: AbortSignal): Promise<void> {
    const kept = names.filter((name) => this.#options.state.contracts.has(name));
    await this.require('resume', topology, kept, signal);
  }

  async #requireOf(check: ContractCheck, step: string, node: TopologyNode, signal: AbortSignal): Promise<void> {
    const { plan, runDir, state, record } = this.#options;
    const before = await this.#before(node.name);
    // The run has not changed it, and only gates it once more.
    if (!before && !state.changed.includes(node.name)) return;
    const warn = (text: string): Promise<void> => record({ type: 'note', level: 'warning', text });
    if (before && 'error' in before) {
      return warn(`contract: before the change ${node.name} could not be seen: ${before.error}`);
    }
    const verdict = before
      ? await check.after(node, before, signal)
      : { kind: 'unknown' as const, reasons: ['nobody looked at it before its change'], notes: [] };
    if (verdict.kind === 'pass') return;
    const isBroken = verdict.kind === 'fail';
    const reason = `${node.name}: ${verdict.reasons.join('; ')}`;
    if (plan.contract === 'warn') return warn(isBroken ? `contract broken: ${reason}` : `contract: ${reason}`);
    const found = isBroken ? 'fail' : 'inconclusive';
    const evidence = await storeEvidence(runDir, verdict);
    const nodes = [node.name];
    await record({ type: 'finding', step, finding: 'contract', nodes, verdict: found, reason, evidence });
    const says = isBroken ? 'the contract is broken' : 'whether the contract is kept is not known';
    throw new StepError(nodes, found, `${says}: ${reason}`);
  }

  async #before(name: string): Promise<ContractBefore | undefined> {
    const { runDir, state } = this.#options;
    const hash = state.contracts.get(name);
    if (hash === undefined) return undefined;
    return ((await loadEvidence(runDir, hash)) as Record<string, ContractBefore>)[name];
  }
}
