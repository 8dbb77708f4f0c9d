/** The page's style sheet. Colours mean something: green good, red bad, amber not known; releases have cool hues that mean nothing else. */
export const styles = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f7f9; --ink: #16191d; --soft: #59626e; --line: #e2e5ea; --faint: #eef0f3;
  --good: #157f4a; --bad: #c3272b; --unknown: #96600a; --neutral: #59626e;
  --good-wash: #e5f4ec; --bad-wash: #fcebea; --unknown-wash: #fbf1de; --neutral-wash: #eef0f3;
  --v0: #64708a; --v1: #2f63c8; --v2: #7646c4; --v3: #0f7488; --v4: #8c4a86; --v5: #4b5563;
  --traffic: #b4c1d6; --height: #16191d;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #111418; --panel: #191d23; --ink: #e8ebef; --soft: #9aa4b1; --line: #2a3038; --faint: #1f242b;
    --good: #4cc38a; --bad: #ff7b72; --unknown: #e0a63e; --neutral: #9aa4b1;
    --good-wash: #12291e; --bad-wash: #351a1a; --unknown-wash: #2e2413; --neutral-wash: #1f242b;
    --v0: #6a7690; --v1: #3a6fd8; --v2: #8457d6; --v3: #17879d; --v4: #a05a99; --v5: #5f6977;
    --traffic: #44536c; --height: #e8ebef;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
main, footer { max-width: 1160px; margin: 0 auto; padding: 0 40px; }
h1 { font-size: 27px; line-height: 1.32; font-weight: 600; letter-spacing: -0.015em; margin: 14px 0 0; max-width: 34em; text-wrap: pretty; overflow-wrap: anywhere; }
h2 { font-size: 19px; font-weight: 640; letter-spacing: -0.005em; margin: 0 0 4px; }
h3 { font-size: 15px; font-weight: 640; margin: 0; }
section { margin-top: 56px; }
p { margin: 0; }
.lead { color: var(--soft); margin-bottom: 18px; max-width: 70em; }
.soft { color: var(--soft); }
code, .mono { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; font-size: 0.87em; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px; }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--v1); outline-offset: 2px; }
.good { color: var(--good); } .bad { color: var(--bad); } .unknown { color: var(--unknown); } .neutral { color: var(--neutral); }
header { padding: 36px 0 0; }
.brand { display: flex; justify-content: space-between; gap: 16px; flex-wrap: wrap; color: var(--soft); padding-bottom: 30px; }
.brand strong { color: var(--ink); font-weight: 680; }
.pill {
  justify-self: start; align-self: baseline;
  display: inline-flex; align-items: center; gap: 7px; padding: 3px 12px 3px 9px; border-radius: 99px;
  font-weight: 640; font-size: 13.5px; white-space: nowrap;
}
.pill.small { padding: 0 8px 0 6px; font-size: 12.5px; gap: 5px; }
.pill.good { background: var(--good-wash); } .pill.bad { background: var(--bad-wash); }
.pill.unknown { background: var(--unknown-wash); } .pill.neutral { background: var(--neutral-wash); }
.pill svg { width: 11px; height: 11px; flex: none; }
.badges { display: flex; gap: 8px; flex-wrap: wrap; }
.facts { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 18px 28px; margin: 32px 0 0; padding: 22px 0 0; border-top: 1px solid var(--line); }
.facts div { min-width: 0; }
dt { color: var(--soft); font-size: 12.5px; }
dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 0; margin: 16px 0 0; background: var(--panel); border-radius: 10px; }
.tiles > div { padding: 18px 22px 16px; border-left: 1px solid var(--line); }
.tiles > div:first-child { border-left: 0; }
.tiles .figure { font-size: 26px; font-weight: 620; letter-spacing: -0.02em; line-height: 1.2; white-space: nowrap; }
.tiles .figure small { font-size: 15px; font-weight: 500; letter-spacing: 0; }
.tiles dt { font-size: 13px; color: var(--ink); font-weight: 560; }
.tiles .remark { font-size: 12.5px; color: var(--soft); line-height: 1.4; margin-top: 3px; }
.sentence { margin-top: 14px; color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: 8px; }
th { text-align: left; font-weight: 560; font-size: 12.5px; color: var(--soft); border-bottom: 1px solid var(--line); padding: 6px 18px 6px 0; white-space: nowrap; vertical-align: bottom; }
td, tbody th { padding: 9px 18px 9px 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
tbody th { font-size: inherit; color: var(--ink); font-weight: 560; }
tr > :last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
.nowrap { white-space: nowrap; }
tr.muted td, tr.muted th { color: var(--soft); font-weight: 400; }
.scroll { overflow-x: auto; }
details { border-top: 1px solid var(--line); }
details:last-of-type { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: 13px 0; display: grid; grid-template-columns: 118px minmax(0, 15em) minmax(0, 1fr) auto 14px; gap: 4px 18px; align-items: baseline; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::after { content: "+"; color: var(--soft); text-align: right; font-size: 17px; line-height: 1; }
details[open] > summary::after { content: "\\2013"; }
.gate { padding: 2px 0 26px; }
.slots { min-width: 150px; }
.checks .detail { width: 38%; }
h3.later { margin-top: 28px; }
.drill table, .drill table + p { margin-top: 12px; }
.gate table td, .gate table th { padding-top: 6px; padding-bottom: 6px; }
.provenance { display: flex; flex-wrap: wrap; gap: 2px 24px; color: var(--soft); font-size: 13px; margin-top: 12px; }
.strip { display: block; max-width: 100%; margin-top: 3px; }
.strip .s-good { fill: var(--good); } .strip .s-bad { fill: var(--bad); } .strip .s-unknown { fill: none; stroke: var(--unknown); stroke-width: 1.4; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; color: var(--soft); font-size: 13px; margin: 0 0 14px; padding: 0; list-style: none; }
.legend li { display: inline-flex; align-items: center; gap: 7px; }
.legend svg { width: 22px; height: 12px; flex: none; }
.chart { display: block; width: 100%; height: auto; }
.chart text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .name { fill: var(--ink); font-weight: 600; font-size: 13px; }
.chart .on-band { fill: #ffffff; font-size: 11px; font-weight: 560; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .base { stroke: var(--line); stroke-width: 1; }
.chart .traffic { fill: var(--traffic); opacity: 0.75; }
.chart .height { fill: none; stroke: var(--height); stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.chart .error { fill: var(--bad); }
.chart .down { fill: var(--bad); opacity: 0.12; }
.chart .changing { fill: url(#hatch); }
.chart .rollback { fill: var(--bad); opacity: 0.07; }
.chart .rollback-edge { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 3 3; }
.chart .rollback-label { fill: var(--bad); font-weight: 600; }
.chart .mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 1 3; }
.chart .mark-label { fill: var(--soft); font-size: 11px; }
.chart .effect { fill: #ffffff; stroke: var(--ink); stroke-width: 0.8; }
.chart .guard { fill: var(--bad); }
.chart .v0 { fill: var(--v0); } .chart .v1 { fill: var(--v1); } .chart .v2 { fill: var(--v2); }
.chart .v3 { fill: var(--v3); } .chart .v4 { fill: var(--v4); } .chart .v5 { fill: var(--v5); }
.chart .g-good { fill: var(--good); } .chart .g-bad { fill: var(--bad); } .chart .g-unknown { fill: var(--unknown); } .chart .g-neutral { fill: var(--neutral); }
.chart .p-preflight, .chart .p-identity { opacity: 0.32; } .chart .p-settle { opacity: 0.55; } .chart .p-observe, .chart .p-soak { opacity: 1; }
.chart-narrow { display: none; }
.hatch-line { stroke: var(--soft); stroke-width: 2; }
.change { display: inline-flex; align-items: baseline; gap: 9px; white-space: nowrap; }
.arrow { color: var(--soft); }
.about { color: var(--soft); font-size: 12.5px; font-weight: 400; }
.why { color: var(--soft); margin-top: 4px; max-width: 34em; }
.defs { position: absolute; }
.version { display: inline-flex; align-items: baseline; gap: 7px; white-space: nowrap; }
.version i { width: 9px; height: 9px; border-radius: 2px; flex: none; }
.version i.v0 { background: var(--v0); } .version i.v1 { background: var(--v1); } .version i.v2 { background: var(--v2); }
.version i.v3 { background: var(--v3); } .version i.v4 { background: var(--v4); } .version i.v5 { background: var(--v5); }
footer { margin-top: 64px; padding-bottom: 48px; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
footer div { border-top: 1px solid var(--line); padding-top: 18px; }
.notes { list-style: none; margin: 12px 0 0; padding: 0; }
.notes li { display: grid; grid-template-columns: 72px minmax(0, 1fr); gap: 18px; padding: 7px 0; border-bottom: 1px solid var(--faint); overflow-wrap: anywhere; }
@media screen and (max-width: 760px) {
  main, footer { padding: 0 20px; }
  header { padding-top: 22px; } .brand { padding-bottom: 20px; }
  h1 { font-size: 22px; }
  section { margin-top: 44px; }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px 20px; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .tiles > div { border-left: 0; padding: 14px 18px; }
  summary { grid-template-columns: auto minmax(0, 1fr) 14px; }
  summary .reason { grid-column: 1 / -1; grid-row: 2; } summary .took { display: none; }
  .chart-wide { display: none; } .chart-narrow { display: block; max-width: 560px; }
  .stack thead { display: none; }
  .stack tr { display: block; padding: 10px 0; border-bottom: 1px solid var(--faint); }
  .stack td, .stack tbody th { display: block; border: 0; padding: 1px 0; text-align: left; overflow-wrap: anywhere; }
  .stack td[data-label]:not([data-label=""])::before { content: attr(data-label); color: var(--soft); font-size: 12.5px; display: inline-block; min-width: 96px; padding-right: 10px; }
  .stack td:empty { display: none; }
  .stack.steps tr { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; }
  .stack.steps th { flex: 1 0 50%; }
  .stack.steps td { font-size: 13.5px; }
  .stack.steps td:nth-child(2) { display: contents; }
  .stack.steps td:nth-child(2) .why { order: 9; flex-basis: 100%; margin-top: 0; }
  .stack.steps td:nth-child(3) { display: block; flex-basis: 100%; }
  .stack.checks tr { display: flex; flex-wrap: wrap; gap: 2px 18px; align-items: baseline; }
  .stack.checks tbody th, .stack.checks td:last-child { flex-basis: 100%; }
  .stack.checks td:has(.strip) { flex-basis: 100%; }
  .stack.checks td[data-label]:not([data-label=""])::before { min-width: 0; padding-right: 6px; }
  .stack.steps td[data-label]:not([data-label=""])::before { min-width: 0; padding-right: 6px; }
}
@media print {
  :root { color-scheme: light; }
  @page { margin: 14mm; }
  body { zoom: 0.72; }
  main, footer { max-width: none; padding: 0; }
  section { margin-top: 40px; }
  tr, .tiles, .facts div { break-inside: avoid; }
  h2 { break-after: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  summary::after { content: ""; }
  .pill, .tiles, .chart, .version i, .legend { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
