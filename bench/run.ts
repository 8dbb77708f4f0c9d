/**
 * Runs every bench and rewrites bench/RESULTS.md. Never part of the tests: a busy machine makes no test fail.
 *
 *     npm run bench
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { resultsVariable, type Result } from './support/results.ts';

const folder = mkdtempSync(join(tmpdir(), 'seatrial-bench-results-'));
const file = join(folder, 'results.jsonl');
writeFileSync(file, '');
const before = loadavg();
const failed: string[] = [];
try {
  for (const bench of [
    'cli',
    'gates',
    'gates-prometheus',
    'journal',
    'ledger',
    'process-lab',
    'backup',
    'faults',
    'fault-times',
    'docker',
  ]) {
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${bench}.ts`)], {
      stdio: 'inherit',
      env: { ...process.env, [resultsVariable]: file },
    });
    if (status !== 0) failed.push(bench);
  }
  const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), page(lines.map((line) => JSON.parse(line) as Result)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed.length > 0) {
  process.stderr.write(`these benches ended with an error: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}

function page(results: readonly Result[]): string {
  const loads = [before, loadavg()].map(([one = 0]) => one.toFixed(1));
  const explained = results.filter(({ isMet, explanation }) => isMet === false && explanation !== undefined);
  return [
    '# Results',
    '',
    'Written by `npm run bench`. Every figure is a ratio to a peer, or has a limit, in the same run.',
    '',
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `- Node ${process.versions.node}; Docker engine ${dockerVersion()}`,
    `- Load average at the start ${loads[0]}, at the end ${loads[1]}: above the number of processors other work shares the machine, and wall times are stretched for both sides of a ratio`,
    ...failed.map((bench) => `- The bench \`${bench}\` ended with an error; its figures are incomplete`),
    '',
    '| figure | measured | limit | met | how |',
    '|---|---|---|---|---|',
    ...results.map(({ figure, measured, limit = '', isMet, how }) => {
      const met = isMet === undefined ? '' : isMet ? 'yes' : '**no**';
      return `| ${[figure, measured, limit, met, how].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    }),
    '',
    ...(explained.length > 0 ? ['## Not met', ''] : []),
    ...explained.flatMap(({ figure, explanation }) => [`**${figure}.** ${explanation}`, '']),
  ].join('\n');
}

function dockerVersion(): string {
  try {
    return execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' }).trim();
  } catch {
    return 'none';
  }
}
