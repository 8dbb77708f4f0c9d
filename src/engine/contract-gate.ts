import type { Clock } from '../core/clock.ts';
import { createContractCheck, type ContractCheck } from '../gates/contract/contract-check.ts';
import type { HttpTransport } from '../gates/probe-client.ts';
import { storeEvidence } from '../journal/evidence.ts';
import type { Plan, RunEvent } from '../journal/records.ts';
import type { Lab } from '../lab/lab.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';
import { StepError } from './ending/outcome.ts';

export interface ContractGateOptions {
  plan: Pick<Plan, 'contract'>;
  profile: SystemProfile;
  lab: Lab;
  transport: HttpTransport;
  clock: Clock;
  runDir: string;
  record(event: RunEvent): Promise<void>;
}

/** Part of a node's gate: it still has the metrics, labels and log fields that others rely on, as it had them before its change. */
export class ContractGate {
  readonly #options: ContractGateOptions;
  readonly #check: ContractCheck | undefined;
  readonly #seen = new Set<string>();

  constructor(options: ContractGateOptions) {
    this.#options = options;
    this.#check = options.plan.contract && createContractCheck(options);
  }

  /** Looks at nodes that are going to be changed; those that cannot be looked at have no contract. */
  async look({ nodes }: Topology, names: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      nodes
        .filter(({ name }) => names.includes(name))
        .map(async (node) => {
          await this.#check?.before(node, signal);
          this.#seen.add(node.name);
        }),
    );
  }

  /** To be called when the nodes' gate has passed. Throws StepError where the contract is broken and the plan enforces it. */
  async require(step: string, { nodes }: Topology, names: readonly string[], signal: AbortSignal): Promise<void> {
    const { plan, record, runDir } = this.#options;
    for (const node of nodes) {
      if (!this.#check || !names.includes(node.name) || !this.#seen.has(node.name)) continue;
      const verdict = await this.#check.after(node, signal);
      if (verdict.kind === 'pass') continue;
      const reason = `${node.name}: ${verdict.reasons.join('; ')}`;
      if (verdict.kind === 'unknown' || plan.contract === 'warn') {
        const text = verdict.kind === 'unknown' ? `contract: ${reason}` : `contract broken: ${reason}`;
        await record({ type: 'note', level: 'warning', text });
        continue;
      }
      const evidence = await storeEvidence(runDir, verdict);
      await record({
        type: 'finding',
        step,
        finding: 'contract',
        nodes: [node.name],
        verdict: 'fail',
        reason,
        evidence,
      });
      throw new StepError([node.name], 'fail', `the contract is broken: ${reason}`);
    }
  }
}
