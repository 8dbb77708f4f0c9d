import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HttpTransport } from '../../../src/gates/probe-client.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { createAnnotator, type Annotator } from '../../../src/report/annotations.ts';
import { passTime } from '../../helpers/idle-disk.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const paused: RunRecord = { type: 'paused', by: 'x', seq: 0, at: '2026-01-01T00:00:00.000Z', monoMs: 0, prev: '' };

interface World {
  clock: VirtualClock;
  annotator: Annotator;
  /** Answers with this status from now on. */
  answer(status: number): void;
  /** A record that makes one annotation, and time until it was tried. */
  annotate(): Promise<void>;
}

async function world(): Promise<World> {
  const passwordFile = join(await temporaryFolder(), 'password');
  await writeFile(passwordFile, 'secret\n');
  const clock = createVirtualClock({ isAutomatic: false });
  let status = 200;
  const transport: HttpTransport = async () => ({ status, text: '' });
  const url = 'http://grafana';
  const annotator = createAnnotator({ url, passwordFile, transport, clock, testnet: 'local', runbook: 'r' });
  return {
    clock,
    annotator,
    answer: (next) => void (status = next),
    async annotate() {
      annotator.onRecord(paused);
      await passTime(clock, 25);
    },
  };
}

test('a Grafana that failed once is given annotations again after its rest, and what came meanwhile is counted', async () => {
  const { clock, annotator, answer, annotate } = await world();
  answer(503);
  await annotate();
  answer(200);
  await annotate();
  await annotate();
  expect(annotator.tally).toEqual({ sent: 0, lost: 3, problem: 'Grafana answered 503' });
  await passTime(clock, 30_000, 1_000);
  await annotate();
  await annotate();
  expect(annotator.tally).toMatchObject({ sent: 2, lost: 3 });
});

test('what waits at the end of a run is sent, or counted while Grafana is left alone', async () => {
  const { annotator, answer, annotate } = await world();
  annotator.onRecord(paused);
  annotator.onRecord(paused);
  await annotator.close();
  expect(annotator.tally).toEqual({ sent: 2, lost: 0 });
  answer(503);
  await annotate();
  await annotate();
  annotator.onRecord(paused);
  await annotator.close();
  expect(annotator.tally).toMatchObject({ sent: 2, lost: 3 });
});
