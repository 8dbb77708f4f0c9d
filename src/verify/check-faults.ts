import type { RunRecord } from '../journal/records.ts';
import { aboutRecord, type Report } from './finding.ts';

type Phase = 'meant' | 'armed' | 'injected' | 'verified' | 'healing' | 'healed';

interface Life {
  phase: Phase;
  /** Its effect was shown, and it was not void since. */
  wasVerified: boolean;
  /** Its end was shown. */
  isHealShown: boolean;
  /** Nobody had the time, or stood long enough in the same process, to show its end. */
  mayLackProof: boolean;
  last: RunRecord;
}

/** From which phases an event of a fault may come. */
const allowed: Record<string, readonly Phase[]> = {
  // Once shown, one that comes and goes is armed anew.
  'fault.armed': ['meant', 'verified'],
  'fault.injected': ['armed'],
  'fault.verified': ['injected'],
  'fault.lost': ['armed', 'injected', 'verified', 'healing'],
  'fault.void': ['meant', 'armed', 'injected', 'verified', 'healing', 'healed'],
  'fault.healing': ['meant', 'armed', 'injected', 'verified', 'healing'],
  'fault.healed': ['meant', 'armed', 'injected', 'verified', 'healing'],
  'fault.heal-verified': ['healed'],
};

/**
 * The life of each fault: nothing acts before its dead-man was seen to count, nothing is called shown that was not injected, nothing is left when the
 * run ends, and a run that passed has shown the end of all that it broke.
 */
export function checkFaults(records: readonly RunRecord[], report: Report): void {
  const faults = new Map<string, Life>();
  for (const record of records) {
    if (record.type === 'run.finished') {
      checkEnd(record, faults, report);
      continue;
    }
    if (!('fault' in record)) continue;
    const life = faults.get(record.fault);
    if (record.type === 'fault.intent') {
      if (life && life.phase !== 'healed') {
        const message = `fault ${record.fault} is begun again although its end is not written down (line ${life.last.seq + 1})`;
        report(aboutRecord('disagrees', 'fault-again', record, message));
      }
      const fresh = { phase: 'meant', wasVerified: false, isHealShown: false, mayLackProof: false } as const;
      faults.set(record.fault, { ...fresh, last: record });
      continue;
    }
    if (!life || !allowed[record.type]?.includes(life.phase)) {
      const state = life ? life.phase : 'never begun';
      const message = `${record.type} of ${record.fault}, which is ${state}`;
      report(aboutRecord('disagrees', 'fault-order', record, message));
    }
    if (life) follow(life, record);
  }
}

function follow(life: Life, record: RunRecord & { fault: string }): void {
  life.last = record;
  switch (record.type) {
    case 'fault.armed':
      life.phase = 'armed';
      break;
    case 'fault.injected':
      life.phase = 'injected';
      break;
    case 'fault.verified':
      Object.assign(life, { phase: 'verified', wasVerified: true });
      break;
    case 'fault.void':
      life.wasVerified = false;
      break;
    case 'fault.healing':
      Object.assign(life, {
        phase: 'healing',
        mayLackProof: record.because === 'resume' || record.because === 'hurry',
      });
      break;
    case 'fault.healed':
      life.phase = 'healed';
      break;
    case 'fault.heal-verified':
      life.isHealShown = true;
      break;
    default:
  }
}

function checkEnd(
  record: RunRecord & { type: 'run.finished' },
  faults: ReadonlyMap<string, Life>,
  report: Report,
): void {
  for (const [fault, life] of faults) {
    if (life.phase !== 'healed') {
      const message = `the run ends while fault ${fault} is ${life.phase} (line ${life.last.seq + 1})`;
      // Whoever could not undo it says so; the target does at its time.
      report(aboutRecord(record.outcome === 'passed' ? 'disagrees' : 'note', 'fault-left', record, message));
    } else if (record.outcome === 'passed' && !life.wasVerified && !life.mayLackProof) {
      const message = `the run says passed, but the effect of fault ${fault} was not shown`;
      report(aboutRecord('disagrees', 'fault-void', record, message));
    } else if (record.outcome === 'passed' && !life.isHealShown && !life.mayLackProof) {
      const message = `the run says passed, but the end of fault ${fault} was not shown`;
      report(aboutRecord('disagrees', 'fault-heal', record, message));
    }
  }
}
