import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRunListeners } from '../../../src/cli/run-listeners.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { writeDurableRun } from '../../helpers/durable-run.ts';
import { listenOn } from '../../helpers/listen-on.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

test('a run feeds its metrics file and its Grafana, and both are complete when it is closed', async () => {
  const folder = await temporaryFolder();
  const { runDir, runId } = await writeDurableRun(join(folder, 'local'));
  const grafanaPasswordFile = join(folder, 'password');
  await writeFile(grafanaPasswordFile, 'secret-of-grafana');
  const texts: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      texts.push((JSON.parse(Buffer.concat(chunks).toString()) as { text: string }).text);
      response.writeHead(200).end('{"message":"Annotation added","id":1}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const grafana = (server.address() as AddressInfo).port;
    const image = { prometheus: 'p', alertmanager: 'a', grafana: 'g' };
    const listeners = await createRunListeners({
      testnet: 'local',
      runbook: 'tss-canary',
      runId,
      runDir,
      monitoring: { ports: { prometheus: 1, alertmanager: 1, grafana }, images: image, grafanaPasswordFile },
      json: true,
    });
    const { records } = await readJournal(runDir);
    for (const record of records) listeners.onRecord(record);
    await listeners.close();
    const metrics = await readFile(join(runDir, 'metrics.txt'), 'utf8');
    expect(metrics).toContain(
      `seatrial_journal_records_total{testnet="local",runbook="tss-canary",run="${runId}"} ${records.length}`,
    );
    expect(texts).toContain(`tss-canary (run ${runId}): interrupted`);
    expect(texts).toContain('tss-canary (resumed): inconclusive');
    expect(texts.length).toBeGreaterThan(10);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test('a run that is resumed goes on counting where it was', async () => {
  const { runDir, runId } = await writeDurableRun(join(await temporaryFolder(), 'local'));
  const { records } = await readJournal(runDir);
  const cut = records.findIndex(({ type }) => type === 'run.resumed');
  const listeners = await createRunListeners({
    testnet: 'local',
    runbook: 'tss-canary',
    runId,
    runDir,
    json: true,
    past: records.slice(0, cut),
  });
  for (const record of records.slice(cut)) listeners.onRecord(record);
  await listeners.close();
  const metrics = await readFile(join(runDir, 'metrics.txt'), 'utf8');
  expect(metrics).toMatch(new RegExp(`^seatrial_journal_records_total\\{.*\\} ${records.length}$`, 'm'));
  expect(metrics).toMatch(/^seatrial_resumptions_total\{.*\} 1$/m);
});

test('a metrics port that is taken refuses the run before anything is touched', async () => {
  const taken = await listenOn(0);
  const runDir = join(await temporaryFolder(), 'run');
  await mkdir(runDir);
  const metricsPort = (taken.address() as AddressInfo).port;
  try {
    await expect(
      createRunListeners({ testnet: 'local', runbook: 'r', runId: 'x', runDir, json: true, metricsPort }),
    ).rejects.toThrow(`metrics cannot be served on 127.0.0.1:${metricsPort}`);
  } finally {
    taken.close();
  }
});
