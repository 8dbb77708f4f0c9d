import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attemptOn, type Attempt } from '../../../src/cli/shrink-attempt.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { CleanupError, LabError } from '../../../src/core/errors.ts';
import { waitFor } from '../../../src/core/wait.ts';
import type { Plan } from '../../../src/journal/records.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

/** What each command does, in the folder of the project; `up` and `down` keep the record of what is deployed. */
const usual = {
  up: "writeFileSync('.seatrial/twin/topology.json', '{}')",
  run: 'process.exitCode = 1',
  down: "rmSync('.seatrial/twin/topology.json')",
};

async function attempt(deeds: Partial<typeof usual>, signal = new AbortController().signal) {
  const root = await temporaryFolder();
  const program = join(root, 'program.mjs');
  const all = Object.entries({ ...usual, ...deeds }).map(([name, deed]) => `${name}: () => { ${deed} },`);
  await writeFile(
    program,
    `import { rmSync, writeFileSync } from 'node:fs';\nconst deeds = { ${all.join('\n')} };\ndeeds[process.argv[2]]();\n`,
  );
  const plan: Plan = {
    ...{ testnet: 'local', runbook: 'chaos', parameters: { seed: '1' }, lab: 'process', gate: 'smoke' },
    ...{ onFailure: 'hold', steps: [], halts: [] },
  };
  const ended: Promise<Attempt | undefined | Error> = attemptOn({
    ...{ root, program, twin: 'twin', plan, steps: [1, 2], signal },
  }).catch((error: unknown) => error as Error);
  const exists = (name: string): Promise<boolean> =>
    access(join(root, name)).then(
      () => true,
      () => false,
    );
  return { ended, exists };
}

const waits = "process.on('SIGINT', () => process.exit(130)); setTimeout(() => {}, 20000); writeFileSync('begun', '')";

test.each([
  ['comes up', { up: `${usual.up}; ${waits}` }],
  ['runs', { run: waits }],
])('an attempt that is interrupted while its testnet %s is none, and its testnet is taken down', async (_, deeds) => {
  const controller = new AbortController();
  const { ended, exists } = await attempt(deeds, controller.signal);
  const begun = async (): Promise<true | undefined> => ((await exists('begun')) ? true : undefined);
  await waitFor(begun, { clock: systemClock, what: 'the command', timeoutMs: 20_000 });
  controller.abort();
  expect(await ended).toBeUndefined();
  expect(await exists('.seatrial/twin/topology.json')).toBe(false);
});

test('a testnet that could not be taken down is told with the command that does it, and with what went wrong before', async () => {
  const { ended } = await attempt({ down: 'process.exitCode = 4' });
  const error = await ended;
  expect(error).toBeInstanceOf(CleanupError);
  expect((error as CleanupError).first).toBeInstanceOf(LabError);
  expect((error as Error).message).toMatch(
    /twin could not be taken down \(exit code 4\).*seatrial down twin\. Before: the run of the steps 1, 2 has told nothing/,
  );
});

test('a testnet that never came up leaves nothing to be taken down', async () => {
  const { ended } = await attempt({ up: 'process.exitCode = 2', down: 'process.exitCode = 2' });
  const error = await ended;
  expect(error).toBeInstanceOf(LabError);
  expect((error as Error).message).toMatch(/could not be brought up for the steps 1, 2 \(exit code 2\)/);
});
