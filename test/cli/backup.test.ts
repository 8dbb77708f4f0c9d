import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findBackup } from '../../src/backup/find-backups.ts';
import { folderTarget } from '../../src/backup/folder-target.ts';
import { copyBackup, spoilings } from '../../src/backup/spoil-copy.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { findMarked } from '../../src/lab/process/mark.ts';
import { filesBelow } from '../helpers/files-below.ts';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';
import { startS3Server } from '../helpers/s3-server.ts';

const project = useProject();
const { testnet } = project;
const nodes = ['validator-0', 'validator-1', 'validator-2', 'validator-3'];
const vault = join(project.root, 'vault');
const tape = join(project.root, 'tape');

interface ListedBackup {
  id: string;
  target: string;
  isUsable: boolean;
  isVerified: boolean;
  isWhole?: boolean;
  height?: number;
  problem?: string;
  nodes?: { node: string; height: number }[];
}

beforeAll(async () => {
  process.env['BACKUP_FOLDER'] = tape;
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }]);
  const program = join(import.meta.dirname, '../fixtures/backup-command.sh');
  await project.write(
    [
      'system: reference',
      'lab: process',
      'version: 1.0.0',
      'releases:',
      releases,
      'nodes: { validator: 4 }',
      'gate: smoke',
      'backups:',
      '  to:',
      '    - { name: vault, folder: ../vault }',
      `    - { name: tape, command: [${program}], env: [BACKUP_FOLDER] }`,
      '  keep: { last: 2 }',
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
}, 110_000);

async function listed(...options: string[]): Promise<ListedBackup[]> {
  const { stdout } = await project.seatrial('backups', testnet, ...options, '--json');
  return (JSON.parse(stdout) as { backups: ListedBackup[] }).backups;
}

function effects(records: readonly RunRecord[]): string[] {
  return records.flatMap((record) => (record.type === 'effect.done' ? [`${record.effect} ${record.node}`] : []));
}

function proofs(records: readonly RunRecord[]): string[] {
  return records.flatMap((record) =>
    record.type === 'finding' && record.finding === 'restore' ? [`${record.verdict} ${record.nodes.join()}`] : [],
  );
}

/** The newest backup, as the vault has it. */
async function newest(): Promise<string> {
  const [found] = (await listed('--from', 'vault')).filter(({ isWhole }) => isWhole);
  if (!found) throw new Error('there is no whole backup');
  return found.id;
}

// One story: each step stands on the one before.
describe('backups on processes', () => {
  test('a backup stops, copies and starts node after node, and is whole in every target', async () => {
    const { stderr } = await project.succeed('backup', testnet);
    expect(stderr).toMatch(/made .*backup-identity\.txt/);
    expect(effects(await project.newestRun())).toEqual(
      nodes.flatMap((node) => [`stop ${node}`, `snapshot ${node}`, `start ${node}`]),
    );
    const found = await listed('--verify');
    expect(found.map(({ target }) => target.split(' ')[0]).sort()).toEqual(['command', 'folder']);
    for (const backup of found) {
      expect(backup).toMatchObject({ isVerified: true, isWhole: true });
      expect(backup.nodes?.map(({ node }) => node)).toEqual(nodes);
      expect(backup.height).toBeGreaterThan(0);
    }
    expect((await project.files()).filter((file) => file.startsWith('staging'))).toEqual([]);
  });

  test('no secret is in it, and only its owner may read it', async () => {
    const keys = await Promise.all(
      nodes.map((node) => readFile(join(project.stateDir, 'secrets', node, 'validator.pem'), 'utf8')),
    );
    const files = await filesBelow(vault);
    expect(files.length).toBeGreaterThan(12);
    for (const { path, mode } of files) {
      const bytes = await readFile(path);
      for (const key of keys) expect(bytes.includes(key.slice(40, 90)), path).toBe(false);
      expect(mode & 0o077, path).toBe(0);
    }
  });

  test('every way to spoil it is found before anything is touched, and told', async () => {
    const id = await newest();
    const from = folderTarget(vault);
    const manifest = await findBackup(from, testnet, id);
    const before = await project.instances();
    const reasons: Record<(typeof spoilings)[number], RegExp> = {
      'flipped-bit': /nodes\/validator-1\/data\.tar\.gz is damaged: SHA-256/,
      truncated: /nodes\/validator-1\/data\.tar\.gz has \d+ bytes, not \d+/,
      missing: /nodes\/validator-1\/data\.tar\.gz is missing/,
      unfinished: /was cut off/,
      edited: /its backup\.json is damaged/,
      foreign: /it is of testnet .*-else, not of/,
      outdated: /it is too old: .* at most 24 h are allowed/,
    };
    for (const how of spoilings) {
      const folder = join(project.root, `spoiled-${how}`);
      await copyBackup({ manifest, from, to: folderTarget(folder), how, node: 'validator-1' });
      const refused = await project.seatrial(
        ...['restore', testnet, id, 'validator-1', '--from', folder],
        ...['--max-age', '24h', '--accept-double-sign-risk'],
      );
      expect(refused.exitCode, `${how}: ${refused.stdout}${refused.stderr}`).toBe(2);
      expect(refused.stdout, how).toMatch(reasons[how]);
      expect(effects(await project.newestRun()), how).toEqual([]);
    }
    expect(await project.instances()).toEqual(before);
  });

  test('a validator is not put back behind the chain unless somebody accepts the risk; then it is proven', async () => {
    const id = await newest();
    const before = await project.instances();
    const refused = await project.seatrial('restore', testnet, id, 'validator-0');
    expect(refused.exitCode).toBe(2);
    expect(refused.stdout).toMatch(/can sign those heights a second time/);
    expect(await project.instances()).toEqual(before);
    await project.crash('validator-0');
    await rm(join(project.stateDir, 'nodes', 'validator-0', 'data'), { recursive: true });
    await project.succeed('restore', testnet, id, 'validator-0', '--accept-double-sign-risk');
    const records = await project.newestRun();
    expect(effects(records).slice(-2)).toEqual(['restore validator-0', 'start validator-0']);
    expect(proofs(records)).toEqual(['pass validator-0']);
    for (const { healthy } of await project.status()) expect(healthy).toBe(true);
  });

  test('a backup whose command is killed in the middle is gone on with, and none is there before its end', async () => {
    const running = project.start('backup', testnet);
    await running.wrote(/validator-1: snapshot/);
    running.kill('SIGKILL');
    await running.ended;
    const [id = ''] = (await project.runIds()).slice(-1);
    expect((await listed()).map((backup) => backup.id)).not.toContain(id);
    await project.succeed('resume', id);
    const taken = effects(await project.newestRun()).filter((effect) => effect.startsWith('snapshot'));
    expect(new Set(taken)).toEqual(new Set(nodes.map((node) => `snapshot ${node}`)));
    const found = (await listed('--verify')).filter((backup) => backup.id === id);
    expect(found.map(({ isVerified }) => isVerified)).toEqual([true, true]);
    for (const { healthy } of await project.status()) expect(healthy).toBe(true);
  });

  test('what is no longer kept goes when a new one is there; what was cut off is named, and pruned only when asked', async () => {
    const [second = '', first = ''] = (await listed('--from', 'vault')).map(({ id }) => id);
    await rm(join(vault, testnet, first, 'backup.json'));
    const torn = (await listed('--from', 'vault', '--verify')).find(({ id }) => id === first);
    expect(torn?.problem).toMatch(/unfinished/);
    await project.succeed('backup', testnet, 'validator-3', '--to', 'vault');
    expect((await listed('--from', 'vault')).map(({ id }) => id)).toContain(first);
    await project.succeed('backups', testnet, '--from', 'vault', '--prune');
    const left = await listed('--from', 'vault');
    expect(left.map(({ id }) => id)).toContain(second);
    expect(left).toHaveLength(2);
    expect((await filesBelow(join(vault, testnet))).some(({ path }) => path.includes(first))).toBe(false);
  });

  test('S3-compatible storage is a target like any other', async () => {
    const server = await startS3Server();
    onTestFinished(() => server.close());
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: server.endpoint,
      AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    });
    const target = `s3://${server.bucket}/seatrial`;
    await project.succeed('backup', testnet, 'validator-2', '--to', target);
    const [found] = await listed('--from', target, '--verify');
    expect(found).toMatchObject({ isVerified: true, isWhole: false });
    const run = JSON.stringify(await project.newestRun());
    expect(run).not.toContain(`"${server.credentials.secretAccessKey}"`);
    const command = ['restore', testnet, 'newest', 'validator-2', '--from', target];
    await project.succeed(...command, '--accept-double-sign-risk');
    expect(proofs(await project.newestRun())).toEqual(['pass validator-2']);
  });

  test('a testnet of which nothing is left is made anew from a backup and the code alone', async () => {
    const id = await newest();
    const before = await project.status();
    const allocation = await project.readState('allocation.json');
    const refused = await project.seatrial('restore', testnet, id, '--rebuild');
    expect(refused.exitCode).toBe(2);
    expect(refused.stdout).toMatch(/still exists: a rebuild is for what is gone/);

    for (const { stat: found } of await findMarked(testnet, project.stateDir)) process.kill(found.pid, 'SIGKILL');
    await rm(project.stateDir, { recursive: true });
    await rm(join(project.root, '.seatrial', 'releases'), { recursive: true });
    await rm(join(project.root, project.file));

    const stranger = join(project.root, 'stranger.txt');
    await writeFile(stranger, 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n', {
      mode: 0o600,
    });
    const from = ['--from', vault];
    const locked = await project.seatrial('restore', testnet, id, '--rebuild', ...from, '--identity', stranger);
    expect(locked.exitCode).toBe(2);
    expect(locked.stderr).toMatch(/cannot be decrypted with this identity/);
    await expect(stat(join(project.root, project.file))).rejects.toThrow();

    await project.succeed('restore', testnet, id, '--rebuild', ...from);
    const records = await project.newestRun();
    expect(proofs(records)).toEqual(nodes.map((node) => `pass ${node}`));
    const after = await project.status();
    expect(after.map(({ name, digest, healthy }) => [name, digest, healthy])).toEqual(
      before.map(({ name, digest }) => [name, digest, true]),
    );
    expect(await project.readState('allocation.json')).toBe(allocation);
    // The one with the newest data goes first, so that the others cannot part from it.
    const created = records.flatMap((record) => (record.type === 'intent' ? [record.node] : []));
    expect(created).toEqual([...nodes].reverse());
    await project.succeed('up', project.file);
  });
});
