import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readStat } from '../../../src/lab/process/proc.ts';
import { freePort } from '../../helpers/free-port.ts';
import { logWith, obedientProgram, processBench } from './sample-nodes.ts';

async function listen(port: number, host: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
}

for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
  test(`a port that a process on ${host} holds is an error with its pid and name, and nothing is started`, async () => {
    const { lab, node } = await processBench();
    const port = await freePort();
    await listen(port, host);
    const validator = await node('validator-0', obedientProgram, {
      ports: [{ name: 'api', containerPort: port, hostPort: port }],
    });
    await expect(lab.launch(validator)).rejects.toThrow(
      `port 127.0.0.1:${port} needed by validator-0 is taken by pid ${process.pid} (${readStat(process.pid)?.name ?? 'not in /proc'})`,
    );
    expect((await lab.observe(validator)).state).toBe('absent');
  });
}

test('a node is stopped and launched again on its port at once', async () => {
  const { lab, node } = await processBench();
  const port = await freePort();
  const validator = await node('validator-0', obedientProgram, {
    args: [String(port)],
    ports: [{ name: 'api', containerPort: port, hostPort: port }],
  });
  expect(lab.endpoint(validator, 'api')).toBe(`http://127.0.0.1:${port}`);
  expect(() => lab.endpoint(validator, 'metrics')).toThrow('validator-0 has no port "metrics"; it has: api');
  for (let round = 1; round <= 3; round++) {
    await lab.launch(validator);
    await expect.poll(async () => (await logWith(lab, validator, 'ready')).match(/ready/g)?.length).toBe(round);
    await lab.stop(validator);
  }
});
