import type { RunEvent } from '../journal/records.ts';
import { faultText } from './fault-text.ts';
import { formatDuration, formatInstant, shortHash } from './format.ts';
import type { Tone } from './model.ts';

/**
 * What is to be said of an event of a durable run: who intervened, what was found after a crash, what was done to a node beside changing
 * its release, what a canary showed. Undefined for all other events, those of later versions among them.
 */
export function eventText(event: RunEvent): { text: string; tone: Tone } | undefined {
  switch (event.type) {
    case 'run.resumed': {
      const { by, code, acceptedCode, seatrialVersion } = event;
      const changed = acceptedCode ? `, with other code (${shortHash(code)}), which was accepted` : '';
      const text = `resumed by process ${by.pid} on ${by.host}, Seatrial ${seatrialVersion}${changed}`;
      return { text, tone: acceptedCode ? 'unknown' : 'neutral' };
    }
    case 'lease.taken':
      return { text: `took the lab's lease with token ${event.token}`, tone: 'neutral' };
    case 'observed': {
      const detail = event.detail === undefined ? '' : ` (${event.detail})`;
      const text = `looked at ${event.action} of ${event.node}, whose end was not written down: ${event.verdict}${detail}`;
      return { text, tone: observedTones[event.verdict] ?? 'unknown' };
    }
    case 'effect.intent':
      return { text: `${event.node}: ${effectText(event)}`, tone: 'neutral' };
    case 'effect.done':
      return { text: `${event.node}: ${effectText(event)}, took ${formatDuration(event.tookMs)}`, tone: 'neutral' };
    case 'choice':
      return { text: choiceText(event), tone: 'neutral' };
    case 'approval.requested': {
      const until = new Date(event.deadlineAtMs).toISOString().slice(0, 19).replace('T', ' ');
      const otherwise = event.onTimeout === 'continue' ? 'goes on' : 'goes back';
      const text = `${event.step} asks: ${event.question} (plan ${shortHash(event.planHash)}, until ${until} UTC; without an answer the run ${otherwise})`;
      return { text, tone: 'unknown' };
    }
    case 'approval.decided': {
      const who = event.decision === 'timed-out' ? '' : ` by ${event.by}`;
      const tone = event.decision === 'approved' ? 'good' : event.decision === 'rejected' ? 'bad' : 'unknown';
      return { text: `${event.step} ${decisionWords[event.decision] ?? event.decision}${who}`, tone };
    }
    case 'paused':
      return { text: `paused by ${event.by}`, tone: 'unknown' };
    case 'continued':
      return { text: `let go on by ${event.by}`, tone: 'neutral' };
    case 'abort.requested':
      return { text: `abort asked for by ${event.by}`, tone: 'bad' };
    case 'finding': {
      const on = event.nodes.length === 0 ? '' : ` on ${event.nodes.join(', ')}`;
      const text = `${event.finding}${on}: ${event.verdict.toUpperCase()}: ${event.reason}`;
      return { text, tone: findingTones[event.verdict] ?? 'unknown' };
    }
    case 'finalised':
      return { text: `${event.step}: what came before cannot be taken back any more`, tone: 'neutral' };
    default:
      return faultText(event);
  }
}

const findingTones: Record<string, Tone> = { pass: 'good', fail: 'bad', inconclusive: 'unknown' };

const decisionWords: Record<string, string> = {
  approved: 'approved',
  rejected: 'rejected',
  'timed-out': 'timed out without an answer',
};

const observedTones: Record<string, Tone> = {
  absent: 'neutral',
  complete: 'good',
  partial: 'unknown',
  foreign: 'bad',
  unknown: 'unknown',
};

/** What is done to a node beside changing its release: `tss on for 60.0 s at most`, `stop`. */
export function effectText({
  effect,
  detail,
}: Pick<RunEvent & { type: 'effect.intent' }, 'effect' | 'detail'>): string {
  const { toggle, on, ttlMs } = detail;
  if (toggle === undefined || (effect !== 'switch' && effect !== 'clear')) return `${effect}${detailText(detail)}`;
  if (effect === 'clear') return `${toggle} is no longer switched`;
  const atMost = typeof ttlMs === 'number' ? ` for ${formatDuration(ttlMs)} at most` : '';
  return `${toggle} ${on === true ? 'on' : 'off'}${atMost}`;
}

/** ` (name value, …)`, or nothing; hashes as people compare them, by their beginning. */
export function detailText(detail: Readonly<Record<string, string | number | boolean>> | undefined): string {
  const parts = Object.entries(detail ?? {}).map(
    ([name, value]) => `${name} ${isHash(value) ? shortHash(value) : value}`,
  );
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function choiceText({ step, name, value }: RunEvent & { type: 'choice' }): string {
  switch (name) {
    case 'started':
      return `${step}: counted from ${formatInstant(new Date(value).toISOString())}`;
    case 'backup':
      return `${step}: backup ${value}`;
    case 'leader':
      return `${step}: ${value} leads`;
    default:
      return `${step}: ${name} ${value}`;
  }
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^(sha256:)?[0-9a-f]{64}$/.test(value);
}
