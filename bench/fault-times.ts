/**
 * How long each fault takes on each lab until its effect is proven, and from its heal until the end of it is: what the runs of
 * `seatrial fault` write in their journals.
 *
 *     node bench/fault-times.ts
 */
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultRecord } from '../src/journal/fault-records.ts';
import { readJournal } from '../src/journal/read-journal.ts';
import { runFolder } from '../src/journal/run-files.ts';
import { setupToolchain } from '../toolchain/setup.ts';
import { median, timed } from './support/measure.ts';
import { benchProject, referenceReleases, type BenchProject } from './support/project.ts';
import { report } from './support/results.ts';

const rounds = 3;
const target = 'validator-3';
/** A kind as it is typed, with what it needs beside its target. */
const faults: readonly (readonly [kind: string, ...more: string[]])[] = [
  ['partition', '--set', 'topology=isolate'],
  ['delay', '--set', 'delay=50ms'],
  ['pause'],
  ['kill'],
  ['disk-full'],
  ['cpu', '--set', 'share=0.5'],
  ['dns'],
];

for (const lab of ['process', 'docker']) {
  const project = await benchProject([...referenceReleases, `lab: ${lab}`, 'nodes: { validator: 4 }']);
  const seatrial = (...args: string[]) => timed(project.seatrial(...args), { cwd: project.root });
  try {
    if (lab === 'docker') await setupToolchain({ root: project.root, downloads: false });
    await seatrial('up', `stacks/${project.testnet}.yaml`);
    for (const [kind, ...more] of faults) await measure(project, lab, kind, more);
  } finally {
    await project.remove();
  }
}

async function measure(project: BenchProject, lab: string, kind: string, more: readonly string[]): Promise<void> {
  const times = { inject: [] as number[], effect: [] as number[], heal: [] as number[], end: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const [program = '', ...args] = project.seatrial('fault', kind, project.testnet, target, '--for', '5s', ...more);
    const { status, stderr, stdout } = spawnSync(program, args, {
      cwd: project.root,
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (status === 2) {
      // What the lab lacks it has said, with the reason.
      report({ figure: `Fault ${kind}, ${lab} lab`, measured: 'not on this lab', how: reasonIn(stderr) });
      return;
    }
    if (status !== 0) throw new Error(`fault ${kind} on the ${lab} lab ended with ${status}: ${stdout}${stderr}`);
    for (const record of await faultRecords(project)) {
      if (record.type === 'fault.injected') times.inject.push(record.injectMs);
      if (record.type === 'fault.verified') times.effect.push(record.verifiedMs);
      if (record.type === 'fault.healed') times.heal.push(record.healMs);
      if (record.type === 'fault.heal-verified') times.end.push(record.healVerifiedMs);
    }
  }
  const ms = (values: readonly number[]): string => `${median(values).toFixed(0)} ms`;
  report({
    figure: `Fault ${kind}, ${lab} lab: effect proven, end proven`,
    measured: `${ms(times.effect)}, ${ms(times.end)}`,
    how: `to inject it took ${ms(times.inject)} of the first, to undo it ${ms(times.heal)}; the end is shown four times apart; median of ${rounds} runs`,
  });
}

async function faultRecords({ stateDir }: BenchProject): Promise<FaultRecord[]> {
  const newest = (await readdir(join(stateDir, 'runs'))).sort().at(-1) ?? '';
  const { records } = await readJournal(runFolder(stateDir, newest));
  return records.filter((record) => record.type.startsWith('fault.')) as unknown as FaultRecord[];
}

function reasonIn(stderr: string): string {
  return (stderr.trim().split('\n')[0] ?? '').replace(/^error: /, '');
}
