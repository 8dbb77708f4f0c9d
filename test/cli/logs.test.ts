import { beforeAll, expect, test } from 'vitest';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;

interface LogsReport {
  lines: { node: string; atMs?: number; text: string }[];
  problems: unknown[];
}

beforeAll(async () => {
  await project.write(
    [
      ...['system: reference', 'lab: process', 'gate: smoke', 'version: 1.0.0'],
      'releases: { 1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } } }',
      'nodes: { validator: 4 }',
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
});

test('lines of all nodes come by their times, each with its node before it; those of one node as it wrote them', async () => {
  const { stdout } = await project.succeed('logs', testnet, '--tail', '5');
  const lines = stdout.split('\n');
  expect(lines.length).toBeGreaterThan(8);
  const times = lines.map((line) => /^(\S+Z) validator-\d \| \{/.exec(line)?.[1]);
  expect(times).not.toContain(undefined);
  expect(times).toEqual([...times].sort());
  expect(new Set(lines.map((line) => line.split(' ')[1])).size).toBe(4);
  const one = (await project.succeed('logs', testnet, 'validator-2', '--tail', '1')).stdout;
  expect(JSON.parse(one)).toMatchObject({ level: expect.any(String) as string });
});

test('a search finds what fits between two times, over all nodes', async () => {
  const started = await project.json<LogsReport>('logs', testnet, '--grep', '"msg":"listening');
  expect(new Set(started.lines.map(({ node }) => node)).size).toBe(4);
  const middle = started.lines[1]?.atMs ?? 0;
  const iso = new Date(middle).toISOString();
  const upTo = await project.json<LogsReport>('logs', testnet, '--grep', '"msg":"listening', '--until', iso);
  expect(upTo.lines).toEqual(started.lines.filter(({ atMs = 0 }) => atMs <= middle));
  const from = await project.json<LogsReport>('logs', testnet, '--grep', '"msg":"listening', '--since', iso);
  expect(from.lines).toEqual(started.lines.filter(({ atMs = 0 }) => atMs >= middle));
  expect(from.lines.length).toBeGreaterThan(0);
  expect(upTo.lines.length).toBeGreaterThan(0);
  const none = await project.json<LogsReport>('logs', testnet, '--grep', 'no line says this');
  expect(none).toEqual({ lines: [], problems: [] });
});

test('followed, lines go on over the restart of a node, until Ctrl-C', async () => {
  const following = project.start('logs', testnet, '--follow', '--tail', '1', '--grep', '"msg":"listening');
  await project.crash('validator-1');
  await project.succeed('up', project.file);
  await following.wrote(/^\S+Z validator-1 \| .*"msg":"listening/m);
  following.kill('SIGINT');
  expect((await following.ended).exitCode).toBe(0);
});

test.each([
  [['--grep', '('], /--grep takes a regular expression: .*Unterminated group/],
  [['--since', 'yesterday'], /yesterday is no time: write 2026/],
  [['--since', '1m', '--until', '10m'], /nothing lies between them/],
  [['--follow', '--until', 'now'], /--follow has no end/],
  [['validator-7'], /there is no node validator-7; did you mean validator-/],
  [['--tail', '0'], /must be a whole number above 0/],
])('logs %j is refused and says what is wrong', async (options, message) => {
  const { exitCode, stderr } = await project.seatrial('logs', testnet, ...options);
  expect(stderr).toMatch(message);
  expect(exitCode).toBe(2);
});
