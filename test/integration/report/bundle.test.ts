import { createReadStream } from 'node:fs';
import { appendFile, chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { expect, test } from 'vitest';
import { parseJournal } from '../../../src/journal/read-journal.ts';
import { sha256 } from '../../../src/core/canonical.ts';
import { projectForTest } from '../../helpers/project.ts';
import { writeSampleRun } from '../../helpers/sample-run.ts';

/** Files of an archive by their name. */
async function unpack(file: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const archive = createReadStream(file).pipe(createGunzip()).pipe(extract());
  for await (const entry of archive) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(entry.header.mode).toBe(0o600);
    found.set(entry.header.name.replace(/^[^/]+\//, ''), Buffer.concat(chunks));
  }
  return found;
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('the bundle of a real run holds journal, evidence and versions, and nothing of any secret of the testnet', async () => {
  const project = projectForTest();
  const env = [
    'nodes:',
    '  validator:',
    '    count: 4',
    '    env:',
    '      UPSTREAM_PASSWORD: hunter22-and-more',
    '      TINY_TOKEN: q7',
  ];
  await project.write(
    [
      'system: reference',
      'lab: process',
      'gate: smoke',
      'releases:',
      '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
      'version: 1.0.0',
      ...env,
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
  const output = join(project.root, 'out', 'bug.tar.gz');
  const made = await project.json<{ bundle: string; files: { name: string }[]; missing: string[] }>(
    'bundle',
    project.testnet,
    '--output',
    output,
  );
  expect(made.bundle).toBe(output);
  expect((await stat(output)).mode & 0o777).toBe(0o600);
  const files = await unpack(output);
  for (const name of [
    'journal.jsonl',
    'observations.jsonl',
    'ledger.jsonl',
    'report.html',
    'report.json',
    'metrics.txt',
    'testnet/testnet.yaml',
    'testnet/topology.json',
    'testnet/desired.json',
    'versions.json',
    'manifest.json',
  ])
    expect([...files.keys()], name).toContain(name);
  expect([...files.keys()].some((name) => name.startsWith('evidence/'))).toBe(true);
  expect([...files.keys()].filter((name) => name.includes('secrets'))).toEqual([]);

  const whole = [...files.values()].map((bytes) => bytes.toString('latin1')).join('\n');
  const secrets = await filesUnder(join(project.stateDir, 'secrets'));
  expect(secrets.length).toBeGreaterThanOrEqual(4);
  for (const secret of secrets) {
    const content = (await readFile(secret, 'utf8')).trim();
    expect(content.length).toBeGreaterThan(8);
    expect(whole).not.toContain(content);
    for (const line of content.split('\n').filter((text) => text.length > 12 && !text.startsWith('-----')))
      expect(whole).not.toContain(line.trim());
  }
  expect(whole).not.toContain('hunter22');
  const topology = JSON.parse(files.get('testnet/topology.json')?.toString() ?? '') as { nodes: { env: object }[] };
  expect(topology.nodes[0]?.env).toMatchObject({ TINY_TOKEN: '[secret removed]' });
  expect(JSON.parse(files.get('versions.json')?.toString() ?? '')).toMatchObject({ node: process.version });
  // Nothing in it was a secret, so the chain and the evidence still hold.
  expect(parseJournal(files.get('journal.jsonl') ?? Buffer.alloc(0), 'journal').records.length).toBeGreaterThan(5);
  for (const [name, bytes] of files) {
    const [, hash] = /^evidence\/([0-9a-f]{64})\.json$/.exec(name) ?? [];
    if (hash !== undefined) expect(sha256(bytes)).toBe(hash);
  }
});

test('a secret that has come into journal, observations or ledger is removed there, and the bundle says where', async () => {
  const project = projectForTest();
  await project.write('system: reference\nlab: process\n');
  const leaked = 'S3cr3t-"quoted"-value';
  const { runDir, runId } = await writeSampleRun(project.stateDir, { kind: 'rolled-back', hostile: leaked });
  await appendFile(join(runDir, 'ledger.jsonl'), `{"node":"S3cr3t-\\"quoted\\"-value"}\n{"torn`);
  const folder = join(project.stateDir, 'secrets', 'validator-0');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'key'), `${leaked}\n`);
  await chmod(join(folder, 'key'), 0o600);
  const output = join(project.root, 'bug.tar.gz');
  const { files: packed, missing } = await project.json<{
    files: { name: string; scrubbed: boolean }[];
    missing: string[];
  }>('bundle', runId, '--output', output);
  const changed = packed.filter(({ scrubbed }) => scrubbed).map(({ name }) => name);
  expect(changed).toEqual(expect.arrayContaining(['journal.jsonl', 'ledger.jsonl', 'report.html', 'report.json']));
  expect(missing).toContain('testnet/topology.json');
  const files = await unpack(output);
  expect([...files.values()].map(String).join('\n')).not.toMatch(/S3cr3t/);
  expect(files.get('ledger.jsonl')?.toString()).toBe('{"node":"[secret removed]"}\n{"torn');
});

test('a run that does not exist is refused, and no archive is left behind', async () => {
  const project = projectForTest();
  await project.write('system: reference\nlab: process\n');
  const result = await project.seatrial('bundle', '20260101-000000-aaaa');
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain('there is no run 20260101-000000-aaaa');
  expect((await readdir(project.root)).filter((name) => name.includes('.tar.gz'))).toEqual([]);
});
