import type { VerdictKind } from '../../gates/verdict.ts';
import type { FindingReport, StepReport, Tone } from '../model.ts';
import { html, type Markup } from './markup.ts';

export const verdictTones: Record<VerdictKind | 'none', Tone> = {
  PASS: 'good',
  FAIL: 'bad',
  HOLD: 'unknown',
  INCONCLUSIVE: 'unknown',
  none: 'neutral',
};

export const verdictWords: Record<VerdictKind | 'none', string> = {
  PASS: 'pass',
  FAIL: 'fail',
  HOLD: 'hold',
  INCONCLUSIVE: 'inconclusive',
  none: 'no verdict',
};

export const findingTones: Record<FindingReport['verdict'], Tone> = {
  pass: 'good',
  fail: 'bad',
  inconclusive: 'unknown',
};

export const findingWords: Record<FindingReport['verdict'], string> = {
  pass: 'pass',
  fail: 'fail',
  inconclusive: 'inconclusive',
};

export const approvalTones: Record<NonNullable<StepReport['approval']>, Tone> = {
  waiting: 'unknown',
  approved: 'good',
  rejected: 'bad',
  'timed-out': 'unknown',
};

export const approvalWords: Record<NonNullable<StepReport['approval']>, string> = {
  waiting: 'waiting',
  approved: 'approved',
  rejected: 'rejected',
  'timed-out': 'timed out',
};

export const statusTones: Record<StepReport['status'], Tone> = {
  done: 'good',
  failed: 'bad',
  refused: 'bad',
  open: 'unknown',
  'not-reached': 'neutral',
};

export const statusWords: Record<StepReport['status'], string> = {
  done: 'done',
  failed: 'failed',
  refused: 'refused',
  open: 'unfinished',
  'not-reached': 'not reached',
};

/** A label that says its tone in colour and in shape. */
export function pill(tone: Tone, label: string, size: 'normal' | 'small' = 'normal'): Markup {
  return html`<span class="pill ${tone} ${size}">${toneIcon(tone)}${label}</span>`;
}

function toneIcon(tone: Tone): Markup {
  const shapes: Record<Tone, Markup> = {
    good: html`<path d="M1.5 6.5l3 3 6-7" fill="none" stroke="currentColor" stroke-width="2" />`,
    bad: html`<path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" stroke-width="2" />`,
    unknown: html`<circle
      cx="6"
      cy="6"
      r="4.6"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-dasharray="3.2 1.6"
    />`,
    neutral: html`<path d="M2 6h8" fill="none" stroke="currentColor" stroke-width="2" />`,
  };
  return html`<svg viewBox="0 0 12 12" aria-hidden="true">${shapes[tone]}</svg>`;
}
