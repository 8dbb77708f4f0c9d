import { everyLine, type LogContract } from './log-contract.ts';
import type { FamilyContract } from './metrics-contract.ts';

/** What a node's metrics and log promise to whoever reads them by program. Plain data. */
export interface NodeContract {
  /** Absent where the profile names no metrics page. */
  families?: Record<string, FamilyContract>;
  /** Families that counted something between two looks, so that they have to be there again under the same traffic. */
  busy?: string[];
  log?: LogContract;
}

export interface ContractChange {
  kind: 'family-lost' | 'type-changed' | 'label-lost' | 'log-format-lost' | 'field-lost' | 'field-type-changed';
  /** The family or the log field. */
  name: string;
  /** A sentence. */
  text: string;
}

export interface ContractComparison {
  /** What was lost or changed; what was added is no change. */
  changes: ContractChange[];
  /** What was not seen again, and may only not have happened yet. */
  unseen: string[];
}

/** Compares what a node promised before it was changed with what it keeps afterwards. Pure. */
export function compareContract(before: NodeContract, after: NodeContract): ContractComparison {
  const metrics = before.families && after.families ? compareFamilies(before, after.families) : none;
  const log = before.log && after.log ? compareLogs(before.log, after.log) : none;
  return { changes: [...metrics.changes, ...log.changes], unseen: [...metrics.unseen, ...log.unseen] };
}

const none: ContractComparison = { changes: [], unseen: [] };

function compareFamilies(before: NodeContract, after: Record<string, FamilyContract>): ContractComparison {
  const changes: ContractChange[] = [];
  const unseen: string[] = [];
  const busy = new Set(before.busy);
  for (const [name, was] of Object.entries(before.families ?? {})) {
    const is = after[name];
    if (!is) {
      // A family with labels is exposed by many programs only once it has counted something.
      if (was.labels.length > 0 && was.type !== 'gauge' && !busy.has(name)) unseen.push(`metric ${name}`);
      else changes.push({ kind: 'family-lost', name, text: `the metric ${name} is gone` });
      continue;
    }
    if (was.type !== undefined && was.type !== is.type) {
      const text = `the metric ${name} was a ${was.type} and is ${is.type === undefined ? 'of no type' : `a ${is.type}`}`;
      changes.push({ kind: 'type-changed', name, text });
    }
    if (is.seriesCount === 0) continue;
    for (const label of was.labels.filter((one) => !is.labels.includes(one))) {
      changes.push({ kind: 'label-lost', name, text: `the metric ${name} has lost its label ${label}` });
    }
  }
  return { changes, unseen };
}

function compareLogs(before: LogContract, after: LogContract): ContractComparison {
  if (!before.isJson) return none;
  if (!after.isJson) {
    return { changes: [{ kind: 'log-format-lost', name: 'log', text: 'the log is no longer in JSON' }], unseen: [] };
  }
  const changes: ContractChange[] = [];
  const unseen: string[] = [];
  for (const [kind, was] of Object.entries(before.kinds)) {
    const is = after.kinds[kind];
    const where = kind === everyLine ? 'log lines' : `log lines "${kind}"`;
    if (!is) {
      unseen.push(where);
      continue;
    }
    for (const [field, types] of Object.entries(was.fields)) {
      const now = is.fields[field];
      // Already said of all lines.
      if (kind !== everyLine && changes.some(({ name }) => name === field)) continue;
      if (!now && is.sometimes.includes(field)) {
        unseen.push(`the field ${field} of some ${where}`);
      } else if (!now) {
        changes.push({ kind: 'field-lost', name: field, text: `${where} have lost their field ${field}` });
      } else if (types.length > 0 && now.length > 0 && !types.some((type) => now.includes(type))) {
        const text = `the field ${field} of ${where} was a ${types.join(' or ')} and is a ${now.join(' or ')}`;
        changes.push({ kind: 'field-type-changed', name: field, text });
      }
    }
  }
  return { changes, unseen };
}
