import {
  alertText,
  integrityText,
  milestoneWords,
  objectiveRows,
  partsText,
  summaryHeads,
  summaryRows,
} from '../drill-rows.ts';
import type { DrillReport, ExerciseReport } from '../drill-report.ts';
import { formatDuration } from '../format.ts';
import type { ReportModel } from '../model.ts';
import { html, type Markup } from './markup.ts';

const tones: Readonly<Record<string, string>> = { pass: 'good', fail: 'bad' };

/** The drill: who took part, what was to be reached, what was, and what is to be done about it. */
export function drillSection({ drill }: ReportModel): Markup | false {
  if (!drill) return false;
  const { isShort, windowMs = 0 } = drill;
  const short = isShort
    ? ` Good service was looked at for ${formatDuration(windowMs)} only; a full-size drill asks for 60 s.`
    : '';
  return html`<section class="drill" aria-labelledby="drill">
    <h2 id="drill">Drill</h2>
    <p>Participants: ${drill.participants.length > 0 ? drill.participants.join(', ') : 'nobody is named'}.${short}</p>
    ${drill.exercises.length > 1 && summary(drill)} ${drill.exercises.map(exercise)}
    <p>Integrity: ${integrityText(drill)}.</p>
    ${list('Issues', drill.issues)} ${actions(drill)} ${list('Recommendations', drill.recommendations)}
  </section>`;
}

function summary(drill: DrillReport): Markup {
  return html`<table>
    <thead>
      <tr>
        ${summaryHeads.map((head) => html`<th scope="col">${head}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${summaryRows(drill).map(
        (row, index) =>
          html`<tr>
            ${row.map((cell, column) => (column === 1 ? html`<td>${verdict(drill.exercises[index]?.verdict ?? '')}</td>` : html`<td>${cell}</td>`))}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function verdict(said: string): Markup {
  return html`<span class="${tones[said] ?? 'unknown'}">${said}</span>`;
}

function exercise(each: ExerciseReport): Markup {
  const parts = partsText(each);
  return html`<h3 class="later">${each.title}: ${verdict(each.verdict)}</h3>
    ${each.reasons.length > 0 && html`<p>${each.reasons.join('; ')}.</p>`}
    <table>
      <thead>
        <tr>
          <th scope="col">Objective</th>
          <th scope="col">Wanted</th>
          <th scope="col">Measured</th>
          <th scope="col">Met</th>
        </tr>
      </thead>
      <tbody>
        ${objectiveRows(each).map(
          ({ what, wanted, measured, isMet }) =>
            html`<tr>
              <td>${what}</td>
              <td>${wanted}</td>
              <td>${measured}</td>
              <td>
                ${isMet === undefined ? '–' : html`<span class="${isMet ? 'good' : 'bad'}">${isMet ? 'yes' : 'no'}</span>`}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${parts !== '' && html`<p>Of the recovery time: ${parts}.</p>`} ${each.alert && html`<p>${alertText(each)}</p>`}
    <table>
      <thead>
        <tr>
          <th scope="col">Milestone</th>
          <th scope="col">After the disaster</th>
          <th scope="col">Target</th>
          <th scope="col">What showed it</th>
        </tr>
      </thead>
      <tbody>
        ${each.milestones.map(
          ({ milestone, afterMs, targetMs, isLate, detail = '' }) =>
            html`<tr>
              <td>${milestoneWords[milestone] ?? milestone}</td>
              <td>${afterText(afterMs)}</td>
              <td>
                ${targetMs === undefined ? '–' : html`<span${isLate && html` class="bad"`}>${formatDuration(targetMs)}</span>`}
              </td>
              <td>${detail}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}

function afterText(afterMs: number | undefined): string {
  if (afterMs === undefined) return '–';
  return afterMs < 0 ? `${formatDuration(-afterMs)} before` : formatDuration(afterMs);
}

function list(title: string, items: readonly string[]): Markup | false {
  if (items.length === 0) return false;
  return html`<h3 class="later">${title}</h3>
    <ul>
      ${items.map((item) => html`<li>${item}</li>`)}
    </ul>`;
}

function actions({ actions: items }: DrillReport): Markup | false {
  if (items.length === 0) return false;
  return html`<h3 class="later">Action items</h3>
    <table>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Owner</th>
          <th scope="col">Due</th>
        </tr>
      </thead>
      <tbody>
        ${items.map(
          ({ what, owner, due }) =>
            html`<tr>
              <td>${what}</td>
              <td>${owner}</td>
              <td>${due}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}
