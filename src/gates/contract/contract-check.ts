import { abortedError, type Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { CallOptions } from '../../lab/call-options.ts';
import type { Lab } from '../../lab/lab.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { HttpTransport } from '../probe-client.ts';
import { compareContract, type NodeContract } from './compare-contract.ts';
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

/** What a node promised before its change, or why it could not be seen. Plain data. */
export type ContractBefore = NodeContract | { error: string };

export interface ContractVerdict {
  /** `unknown`: nothing is known to be lost, but its metrics page or its log could not be seen again. */
  kind: 'pass' | 'fail' | 'unknown';
  /** Sentences: what was lost or changed, or why it is not known. */
  reasons: string[];
  /** What was not seen again and may only not have happened yet. */
  notes: string[];
}

/** Whether a node still promises after its change what it promised before: a metric or a log field may be added, never lost. */
export interface ContractCheck {
  /** To be called before the node is touched. Rejects only when the signal is aborted. */
  before(node: TopologyNode, signal?: AbortSignal): Promise<ContractBefore>;
  /**
   * To be called when the node's gate has passed, so that it has seen traffic. Looks until nothing is missing, at most `patienceMs`. Rejects
   * only when the signal is aborted.
   */
  after(node: TopologyNode, before: NodeContract, signal?: AbortSignal): Promise<ContractVerdict>;
}

/** What a node shows at one moment. */
interface Look extends Pick<NodeContract, 'families' | 'log'> {
  /** Why there are no families although the profile names a page. `isLost`: the node answered, and with something else. */
  noPage?: { reason: string; isLost: boolean };
  /** Why there is no log. */
  noLog?: string;
}

const logTail = 500;
const pollMs = 500;
const callTimeoutMs = 3000;
const maxPageBytes = 16 * 1024 * 1024;

/** Compares what a node promises after its change with what it promised before. */
export function createContractCheck(options: ContractCheckOptions): ContractCheck {
  const { clock, patienceMs = 10_000, betweenLooksMs = 1_000 } = options;
  return {
    async before(node, signal) {
      const first = await lookAt(node, options, signal);
      await clock.sleep(betweenLooksMs, signal);
      const { families, log, noPage } = await lookAt(node, options, signal);
      if (noPage) return { error: noPage.reason };
      return {
        ...(families && { families, busy: busyBetween(first.families, families) }),
        ...(log && { log }),
      };
    },
    async after(node, before, signal) {
      const untilMs = clock.monotonicMs() + patienceMs;
      for (;;) {
        const verdict = verdictOn(before, await lookAt(node, options, signal));
        if (verdict.kind === 'pass' || clock.monotonicMs() >= untilMs) return verdict;
        await clock.sleep(pollMs, signal);
      }
    },
  };
}

async function lookAt(
  node: TopologyNode,
  options: ContractCheckOptions,
  signal: AbortSignal | undefined,
): Promise<Look> {
  const [page, log] = await Promise.all([lookAtPage(node, options, signal), lookAtLog(node, options, signal)]);
  if (signal?.aborted) throw abortedError(signal);
  return { ...page, ...log };
}

async function lookAtPage(
  node: TopologyNode,
  { lab, profile: { metrics }, transport }: ContractCheckOptions,
  signal: AbortSignal | undefined,
): Promise<Look> {
  if (!metrics) return {};
  let answer: Awaited<ReturnType<HttpTransport>>;
  try {
    const url = lab.endpoint(node, metrics.port) + metrics.path;
    answer = await transport({ method: 'GET', url, timeoutMs: callTimeoutMs, maxBytes: maxPageBytes, signal });
  } catch (error) {
    return { noPage: { reason: `its metrics page cannot be read: ${messageOf(error)}`, isLost: false } };
  }
  const { status, text } = answer;
  if (status < 200 || status > 299) {
    return { noPage: { reason: `its metrics page answers with status ${status}`, isLost: true } };
  }
  try {
    return { families: metricsContract(text) };
  } catch (error) {
    return { noPage: { reason: `its metrics page cannot be understood: ${messageOf(error)}`, isLost: true } };
  }
}

/** Only lines of the node's present start count: what an earlier release has logged is no promise of this one. */
async function lookAtLog(
  node: TopologyNode,
  { lab }: ContractCheckOptions,
  signal: AbortSignal | undefined,
): Promise<Look> {
  const call: CallOptions = { signal, timeoutMs: callTimeoutMs };
  try {
    const { identity } = await lab.observe(node, call);
    if (!identity) return { noLog: 'its log says nothing, for it does not run' };
    const lines = await lab.logs(node, { ...call, tail: logTail, sinceMs: identity.startedAtMs });
    const log = logContract(lines.map(({ text }) => text));
    return log ? { log } : { noLog: `its log has ${lines.length} lines since its start, too few to compare` };
  } catch (error) {
    return { noLog: `its log cannot be read: ${messageOf(error)}` };
  }
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

/** Pure. */
function verdictOn(before: NodeContract, look: Look): ContractVerdict {
  const { changes, unseen } = compareContract(before, look);
  const lost = changes.map(({ text }) => text);
  const unknown: string[] = [];
  const { noPage, noLog } = look;
  if (before.families && noPage) (noPage.isLost ? lost : unknown).push(noPage.reason);
  // A log that is not in JSON promised nothing.
  if (before.log?.isJson && noLog !== undefined) unknown.push(noLog);
  const kind = lost.length > 0 ? 'fail' : unknown.length > 0 ? 'unknown' : 'pass';
  return { kind, reasons: [...lost, ...unknown], notes: unseen };
}
