import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRelease } from '../../node/build.ts';
import { findMarked } from '../../src/lab/process/mark.ts';
import { killAtRecord } from '../helpers/kill-at-record.ts';
import { useProject } from '../helpers/project.ts';
import { TestNetwork } from '../integration/node/test-network.ts';

const project = useProject();
const { testnet } = project;
/** Started by the test alone: Seatrial knows their URLs and nothing else. */
let theirs: TestNetwork;
let other: TestNetwork;

const urls = (): Record<string, string> => Object.fromEntries(theirs.ids.map((id) => [id, theirs.url(id, '')]));

function yaml(endpoints: Record<string, string>, rest: readonly string[] = []): string {
  return [
    ...['system: reference', 'lab: attached', 'version: 1.0.0', 'gate: smoke', 'load: { perSecond: 100 }'],
    ...['nodes: { validator: 4 }', 'overrides: { validator-3: { version: 1.1.0 } }'],
    'attach:',
    ...Object.entries(endpoints).map(([node, url]) => `  ${node}: { http: "${url}" }`),
    ...rest,
    '',
  ].join('\n');
}

beforeAll(async () => {
  const [path, newer] = await Promise.all(
    ['1.0.0', '1.1.0'].map(
      async (version) => (await buildRelease({ version, output: join(project.root, `${version}.mjs`) })).path,
    ),
  );
  if (path === undefined || newer === undefined) throw new Error('two releases are built');
  theirs = await TestNetwork.create(4);
  other = await TestNetwork.create(1);
  for (const id of theirs.ids) theirs.start(id, id === 'validator-3' ? newer : path);
  other.startAll(path);
  await Promise.all([theirs.reach(3), other.reach(3)]);
});
afterAll(async () => {
  await Promise.all([theirs, other].map((network) => network[Symbol.asyncDispose]()));
});

const wrong: [string, () => string, RegExp][] = [
  [
    'an endpoint that nobody answers',
    () => yaml({ ...urls(), 'validator-3': 'http://127.0.0.1:1' }),
    /nothing was adopted: validator-3: nothing listens at http:\/\/127\.0\.0\.1:1/,
  ],
  [
    'a node of another chain',
    () => yaml({ ...urls(), 'validator-3': other.url('validator-0', '') }),
    /at height \d+ validator-3 holds another block than the rest/,
  ],
  [
    'one endpoint twice',
    () => yaml({ ...urls(), 'validator-3': theirs.url('validator-0', '/').replace('127.0.0.1', 'localhost') }),
    /yaml:12:\d+: http:\S+ is the endpoint of validator-0 already/,
  ],
  [
    'a node of another version than the file says',
    () => yaml(urls()).replace('version: 1.1.0', 'version: 1.0.0'),
    /refused: the network is not healthy enough/,
  ],
];

test.each(wrong)('%s is refused, and nothing is adopted', async (_what, text, message) => {
  await project.write(text());
  const { exitCode, stdout, stderr } = await project.seatrial('up', project.file, '--attach');
  expect(stdout + stderr).toMatch(message);
  expect(exitCode).toBe(2);
  expect(existsSync(join(project.stateDir, 'topology.json'))).toBe(false);
});

test('up --attach looks at what runs, gates it, and starts nothing', async () => {
  await project.write(yaml(urls()));
  const plain = await project.seatrial('up', project.file);
  expect([plain.exitCode, plain.stderr]).toEqual([2, expect.stringContaining('--attach')]);
  const { stdout } = await project.succeed('up', project.file, '--attach');
  expect(stdout).toMatch(/gate 4 nodes: PASS/);
  const nodes = await project.status();
  expect(nodes.map(({ name, state, version, digest, healthy }) => [name, state, version, digest, healthy])).toEqual(
    theirs.ids.map((id) => [id, 'running', id === 'validator-3' ? '1.1.0' : '1.0.0', null, true]),
  );
  expect(nodes.every(({ startedAt }) => startedAt !== null)).toBe(true);
  expect(await findMarked(testnet, project.stateDir)).toEqual([]);
  const again = await project.seatrial('up', project.file, '--attach');
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('is up already')]);
});

test.each([
  [['run', 'node-loss', testnet], /the step \S+ has to .*, which the attached lab cannot/],
  [['backup', testnet], /has to stop and copy nodes, which the attached lab cannot/],
  [['down', testnet, '--keep'], /the attached lab cannot stop nodes/],
])('seatrial %j is refused with what it would have to do', async (args, message) => {
  const { exitCode, stderr } = await project.seatrial(...args);
  expect(stderr).toMatch(message);
  expect(exitCode).toBe(2);
});

test('load and a canary that is only compared run on what is not ours, and can be verified', async () => {
  const load = await project.succeed('load', testnet, '--for', '1s', '--rate', '20');
  expect(load.stdout).toMatch(/acknowledged/);
  const set = ['version=1.1.0', 'change=no', 'calibrate=1s', 'soak=1s'].flatMap((one) => ['--set', one]);
  const { stdout } = await project.succeed('run', 'version-canary', testnet, ...set);
  expect(stdout).toMatch(
    /gate 4 nodes: PASS[^]*validator-3 beside validator-0, validator-1, validator-2[^]*gate validator-3: PASS/,
  );
  await project.succeed('verify', testnet);
  const logs = await project.seatrial('logs', testnet, 'validator-0');
  expect([logs.exitCode, logs.stderr]).toEqual([4, expect.stringContaining('cannot read the log of validator-0')]);
});

test('a watch that is killed goes on, and says how much of its time nobody looked', async () => {
  const { runId } = await killAtRecord(
    project.stateDir,
    () => project.start('run', 'slo-watch', testnet, '--set', 'for=12s'),
    (record) => record.type === 'choice',
  );
  const watched = await project.seatrial('resume', runId);
  expect(watched.stdout).toMatch(/slo: INCONCLUSIVE: only \d+(\.\d)? % of the slots are known/);
  expect(watched.exitCode).toBe(3);
  await project.succeed('verify', runId);
});

test('a node that its owner stops fails the gate', async () => {
  await theirs.stop('validator-3', 'SIGTERM');
  expect((await project.status()).find(({ name }) => name === 'validator-3')).toMatchObject({
    state: 'stopped',
    healthy: false,
  });
  const { exitCode, stdout, stderr } = await project.seatrial('run', 'slo-watch', testnet, '--set', 'for=4s');
  expect(stdout + stderr).toMatch(/FAIL[^]*validator-3 is stopped \(nothing listens at/);
  expect(exitCode).toBe(2);
});

test('down forgets them and leaves all of them running', async () => {
  const { stdout } = await project.succeed('down', testnet);
  expect(stdout).toMatch(/is forgotten: its 4 nodes are not ours and were left as they are/);
  expect((await project.files()).filter((file) => !/^(runs|lease|loads)\//.test(file))).toEqual([]);
  const left = ['validator-0', 'validator-1', 'validator-2'];
  const heights = await theirs.heights(left);
  await theirs.reach(Math.max(...heights) + 2, left);
});
