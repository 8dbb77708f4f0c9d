import { abortedError, type Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Lab } from '../../lab/lab.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { createProbeClient, type HttpTransport } from '../probe-client.ts';
import { compareContract, type ContractComparison, type NodeContract } from './compare-contract.ts';
import { logContract } from './log-contract.ts';
import { metricsContract, type FamilyContract } from './metrics-contract.ts';

export interface ContractCheckOptions {
  lab: Lab;
  profile: SystemProfile;
  transport: HttpTransport;
  clock: Clock;
  /** How long the node may take to show again what it showed before, in ms. Default 10 000. */
  patienceMs?: number;
  /** Distance of the two looks before the change, by which it is known what is counted all the time, in ms. Default 1 000. */
  betweenLooksMs?: number;
}

export interface ContractVerdict {
  /** `unknown`: before or after the change it could not be seen. */
  kind: 'pass' | 'fail' | 'unknown';
  /** Sentences: what was lost or changed, or why it is not known. */
  reasons: string[];
  /** What was not seen again and may only not have happened yet. */
  notes: string[];
}

/** Whether a node still promises after its change what it promised before: a metric or a log field may be added, never lost. */
export interface ContractCheck {
  /** To be called before the node is touched. A node that cannot be looked at has no contract: `after` will say `unknown`. */
  before(node: TopologyNode, signal?: AbortSignal): Promise<void>;
  /**
   * To be called when the node's gate has passed, so that it has seen traffic. Looks until nothing is missing, at most `patienceMs`. Rejects
   * only when the signal is aborted.
   */
  after(node: TopologyNode, signal?: AbortSignal): Promise<ContractVerdict>;
}

const logTail = 500;
const pollMs = 500;
const callTimeoutMs = 3000;
const maxPageBytes = 16 * 1024 * 1024;

/** Keeps what each node promised before its change and compares it afterwards. */
export function createContractCheck(options: ContractCheckOptions): ContractCheck {
  const { clock, patienceMs = 10_000, betweenLooksMs = 1_000 } = options;
  const contracts = new Map<string, NodeContract | { error: string }>();
  return {
    async before(node, signal) {
      try {
        const first = await captureContract(node, options, { signal });
        await clock.sleep(betweenLooksMs, signal);
        const second = await captureContract(node, options, { signal });
        contracts.set(node.name, { ...second, busy: busyBetween(first.families, second.families) });
      } catch (error) {
        if (signal?.aborted) throw abortedError(signal);
        contracts.set(node.name, { error: messageOf(error) });
      }
    },
    async after(node, signal) {
      const before = contracts.get(node.name) ?? { error: 'nobody looked' };
      if ('error' in before) return unknown(`before the change ${node.name} could not be seen: ${before.error}`);
      const untilMs = clock.monotonicMs() + patienceMs;
      for (;;) {
        let verdict: ContractVerdict;
        try {
          verdict = verdictOf(compareContract(before, await captureContract(node, options, { signal, isNew: true })));
        } catch (error) {
          if (signal?.aborted) throw abortedError(signal);
          verdict = unknown(`after the change ${node.name} could not be seen: ${messageOf(error)}`);
        }
        if (verdict.kind === 'pass' || clock.monotonicMs() >= untilMs) return verdict;
        await clock.sleep(pollMs, signal);
      }
    },
  };
}

/**
 * What a node promises now. With `isNew` only log lines of its present start count. Rejects when its metrics page cannot be read; a log
 * that cannot be read, or holds too little, is left out.
 */
export async function captureContract(
  node: TopologyNode,
  { lab, profile, transport }: Pick<ContractCheckOptions, 'lab' | 'profile' | 'transport'>,
  { signal, isNew = false }: { signal?: AbortSignal | undefined; isNew?: boolean } = {},
): Promise<NodeContract> {
  const { metrics } = profile;
  const baseUrl = (port: string): string => lab.endpoint(node, port);
  const client = createProbeClient({ baseUrl, transport, timeoutMs: callTimeoutMs, maxBytes: maxPageBytes, signal });
  const readPage = async (): Promise<Pick<NodeContract, 'families'>> =>
    metrics ? { families: metricsContract(await client.getText(metrics.port, metrics.path)) } : {};
  const readLog = async (): Promise<Pick<NodeContract, 'log'>> => {
    const { identity } = isNew ? await lab.observe(node, { signal, timeoutMs: callTimeoutMs }) : {};
    const since = identity && { sinceMs: identity.startedAtMs };
    const lines = await lab.logs(node, { signal, timeoutMs: callTimeoutMs, tail: logTail, ...since });
    const log = logContract(lines.map(({ text }) => text));
    return log ? { log } : {};
  };
  const [page, log] = await Promise.all([
    readPage(),
    readLog().catch((error: unknown) => {
      if (signal?.aborted) throw error;
      return {};
    }),
  ]);
  return { ...page, ...log };
}

function busyBetween(
  first: Record<string, FamilyContract> | undefined,
  second: Record<string, FamilyContract> | undefined,
): string[] {
  return Object.entries(second ?? {}).flatMap(([name, { counted }]) => {
    const before = first?.[name]?.counted;
    return before !== undefined && counted > before ? [name] : [];
  });
}

function verdictOf({ changes, unseen }: ContractComparison): ContractVerdict {
  return { kind: changes.length === 0 ? 'pass' : 'fail', reasons: changes.map(({ text }) => text), notes: unseen };
}

function unknown(reason: string): ContractVerdict {
  return { kind: 'unknown', reasons: [reason], notes: [] };
}
