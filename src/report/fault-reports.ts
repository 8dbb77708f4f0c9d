import type { FaultReport } from './model.ts';
import type { RunLog } from './run-log.ts';

/** Every fault that the run began, from its intent to the proof of its end; one that was begun anew after a crash stands twice. */
export function faultReports(log: RunLog): FaultReport[] {
  const planned = new Map(log.started.plan.steps.map((step) => [step.id, step]));
  const faults: FaultReport[] = [];
  for (const record of log.records) {
    if (!isOfFault(record)) continue;
    const { offsetMs } = record;
    if (record.type === 'fault.intent') {
      const { step, fault, impaired, leases } = record;
      const { kind = 'unknown', targets = [], parameters = {} } = planned.get(step)?.fault ?? {};
      const nodes = [...new Set(leases.map(({ node }) => node))];
      faults.push({
        ...{ step, fault, kind, targets, parameters, nodes, impaired },
        ...{ state: 'begun' as const, fromMs: offsetMs, toMs: log.lastMs },
      });
      continue;
    }
    const open = faults.findLast((each) => each.fault === record.fault);
    if (!open) continue;
    switch (record.type) {
      case 'fault.injected':
        Object.assign(open, { fromMs: offsetMs, injectMs: record.injectMs });
        break;
      case 'fault.verified':
        Object.assign(open, { state: 'verified', verifiedMs: record.verifiedMs });
        break;
      case 'fault.void':
        Object.assign(open, { voidReason: record.reason });
        break;
      case 'fault.healed':
        Object.assign(open, { state: 'healed', toMs: offsetMs, healMs: record.healMs });
        break;
      case 'fault.heal-verified':
        Object.assign(open, { state: 'heal-verified', healVerifiedMs: record.healVerifiedMs });
        break;
      default:
    }
  }
  return faults;
}

type OfFault = Extract<RunLog['records'][number], { fault: string }>;

function isOfFault(record: RunLog['records'][number]): record is OfFault {
  return record.type.startsWith('fault.');
}
