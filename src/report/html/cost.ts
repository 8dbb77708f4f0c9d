import { formatCount, formatDuration } from '../format.ts';
import type { CostReport, ReportModel, Tone } from '../model.ts';
import { evidenceLink } from './evidence-link.ts';
import { html, type Markup } from './markup.ts';

interface Tile {
  label: string;
  figure: Markup | string;
  tone: Tone;
  remark: string;
}

/** What the run cost the network's users. A figure that was not measured is never shown as zero. */
export function costSection({ cost, run }: ReportModel): Markup {
  const tiles = [lostTile(cost), duplicatedTile(cost), uncheckedTile(cost), stallTile(cost), roundsTile(cost)];
  return html`<section aria-labelledby="cost">
    <h2 id="cost">What it cost</h2>
    <p class="soft">
      ${run.outcome === 'unfinished' ? 'The run did not finish, so its cost was never added up.' : 'What users of the network would have noticed.'}
    </p>
    <dl class="tiles">
      ${tiles.map(
        ({ label, figure, tone, remark }) =>
          html`<div>
            <dt>${label}</dt>
            <dd class="figure ${tone === 'neutral' ? '' : tone}">${figure}</dd>
            <dd class="remark">${remark}</dd>
          </div>`,
      )}
    </dl>
    ${loadSentence(cost)}
  </section>`;
}

function lostTile({ load, loadPerSecond, lost: counted }: CostReport): Tile {
  // A run without load counts none lost, and proves nothing by it.
  const lost = load === undefined && !counted ? undefined : (counted ?? load?.lost);
  const remark =
    lost === undefined
      ? loadPerSecond === undefined
        ? 'no load was offered'
        : 'never counted'
      : lost > 0
        ? 'acknowledged, then missing'
        : (load?.unchecked ?? 0) > 0
          ? 'of those looked for'
          : 'every acknowledged one was found';
  const tone = lost === undefined ? 'unknown' : lost > 0 ? 'bad' : (load?.unchecked ?? 0) > 0 ? 'unknown' : 'good';
  return { label: 'Lost transactions', figure: count(lost), tone, remark };
}

function duplicatedTile({ load, duplicated: counted }: CostReport): Tile {
  const duplicated = load === undefined && !counted ? undefined : (counted ?? load?.duplicated);
  const tone = duplicated === undefined ? 'unknown' : duplicated > 0 ? 'bad' : 'neutral';
  return { label: 'Duplicated', figure: count(duplicated), tone, remark: 'found at more than one height' };
}

function uncheckedTile({ load }: CostReport): Tile {
  const unchecked = load?.unchecked;
  const tone = unchecked === undefined || unchecked > 0 ? 'unknown' : 'neutral';
  return { label: 'Unchecked', figure: count(unchecked), tone, remark: 'acknowledged, not looked for' };
}

function stallTile({ worstStallMs }: CostReport): Tile {
  const figure = worstStallMs === undefined ? count(undefined) : withUnit(formatDuration(worstStallMs));
  return { label: 'Worst stall', figure, tone: 'neutral', remark: 'longest time without a new height' };
}

function roundsTile({ missedRounds }: CostReport): Tile {
  return {
    label: 'Missed rounds',
    figure: count(missedRounds),
    tone: 'neutral',
    remark: 'consensus rounds without a block',
  };
}

function loadSentence({ load, loadPerSecond, loadEvidence }: CostReport): Markup {
  if (!load) {
    const text =
      loadPerSecond === undefined
        ? 'No load was offered, so nothing is known about transactions.'
        : `Load of ${formatCount(loadPerSecond)} transactions a second was offered; the run ended before it was counted.`;
    return html`<p class="sentence">${text}</p>`;
  }
  const latency =
    load.latencyP50Ms === undefined
      ? ''
      : ` Half were acknowledged within ${formatDuration(load.latencyP50Ms)}${load.latencyP95Ms === undefined ? '' : `, 95% within ${formatDuration(load.latencyP95Ms)}`}.`;
  return html`<p class="sentence">
    ${formatCount(load.sent)} transactions were
    sent${loadPerSecond === undefined ? '' : `, ${formatCount(loadPerSecond)} a second`}:
    ${formatCount(load.acknowledged)} acknowledged, ${formatCount(load.rejected)} rejected, ${formatCount(load.unknown)}
    without an answer.${latency} ${loadEvidence && evidenceLink(loadEvidence)}
  </p>`;
}

function count(value: number | undefined): Markup | string {
  return value === undefined ? html`<span title="not measured">–</span>` : formatCount(value);
}

function withUnit(duration: string): Markup {
  const [value = '', ...unit] = duration.split(' ');
  return html`${value} <small>${unit.join(' ')}</small>`;
}
