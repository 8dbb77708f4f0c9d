import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BackupTarget } from '../../../src/backup/backup-target.ts';
import { commandTarget } from '../../../src/backup/command-target.ts';
import { folderTarget } from '../../../src/backup/folder-target.ts';
import { s3Credentials, s3Target } from '../../../src/backup/s3-target.ts';
import { bytesSource } from '../../../src/backup/stored-objects.ts';
import { AbortedError, LabError } from '../../../src/core/errors.ts';
import { startS3Server } from '../../helpers/s3-server.ts';
import { targetContract, type TargetSubject } from './target-contract.ts';

const program = fileURLToPath(new URL('../../fixtures/backup-command.sh', import.meta.url));

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.flatMap((one) => (one.isFile() ? [relative(root, join(one.parentPath, one.name))] : []));
}

async function spoilFile(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[500] = (bytes[500] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

async function inFolder(make: (root: string) => TargetSubject['target']): Promise<TargetSubject> {
  const root = await mkdtemp(join(tmpdir(), 'seatrial-target-'));
  return {
    target: make(root),
    spoil: (path) => spoilFile(join(root, path)),
    kept: () => filesBelow(root),
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}

targetContract('folder', () => inFolder(folderTarget));

targetContract('command', () =>
  inFolder((root) =>
    commandTarget({ command: [program], env: ['BACKUP_FOLDER'] }, { ...process.env, BACKUP_FOLDER: root }),
  ),
);

targetContract('s3', async () => {
  const server = await startS3Server();
  const target = s3Target({ ...server, prefix: 'some/prefix' }, server.credentials);
  const kept = async (): Promise<string[]> =>
    (await filesBelow(server.folder)).filter((path) => path.includes('/net/'));
  return {
    target,
    spoil: async (path) => {
      const [file = ''] = (await kept()).filter((one) => one.includes(path) && one.endsWith('_object'));
      await spoilFile(join(server.folder, file));
    },
    kept,
    dispose: () => server.close(),
  };
});

describe('S3 storage', () => {
  test('credentials that the storage does not know are refused, and stand in no error', async () => {
    const server = await startS3Server();
    onTestFinished(() => server.close());
    const target = s3Target(server, { accessKeyId: 'STRANGER', secretAccessKey: 'a-wrong-secret' });
    const failure: unknown = await target.put('x', bytesSource(Buffer.from('x'))).catch((error: unknown) => error);
    expect(String(failure)).toMatch(/cannot write x in s3:\/\/backups at 127\.0\.0\.1.*InvalidAccessKeyId/);
    expect(JSON.stringify(failure) + String(failure)).not.toContain('a-wrong-secret');
  });

  test('a credentials file that others can read is refused; without credentials the names are told that are missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'seatrial-credentials-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'credentials');
    await writeFile(file, 'AWS_ACCESS_KEY_ID=one\nexport AWS_SECRET_ACCESS_KEY=two=three\n', { mode: 0o600 });
    expect(await s3Credentials(file, {})).toEqual({ accessKeyId: 'one', secretAccessKey: 'two=three' });
    await writeFile(`${file}-open`, 'AWS_ACCESS_KEY_ID=one\n', { mode: 0o644 });
    await expect(s3Credentials(`${file}-open`, {})).rejects.toThrow(/can be read by others \(mode 644\)/);
    await expect(s3Credentials(undefined, {})).rejects.toThrow(/AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/);
  });
});

describe('a backup program', () => {
  test('that fails is quoted, and is given no other variables than those that are named', async () => {
    const target = commandTarget(
      { command: ['sh', '-c', 'env >&2; exit 7', 'sh'] },
      { ...process.env, SECRET: 'hush' },
    );
    const failure = await target.list('net/').catch(String);
    expect(failure).toMatch(/command sh list net\/ failed: [^]*PATH=/);
    expect(failure).not.toContain('hush');
  });

  // A shell that waits for what it has started: to end the shell alone is not enough.
  const hangs = (limits?: { copyMs: number }): BackupTarget =>
    commandTarget(
      { command: ['sh', '-c', '[ "$1" = remove ] || { printf begun; sleep 600; }', 'sh'] },
      process.env,
      limits,
    );
  const source = bytesSource(Buffer.alloc(1024 * 1024));

  test.each([
    ['put', (target: BackupTarget) => target.put('net/x', source)],
    ['get', (target: BackupTarget) => buffer(Readable.from(target.get('net/x')))],
  ])('whose %s hangs is ended at its time, and the error says which and how long', async (action, call) => {
    const failure = await call(hangs({ copyMs: 500 })).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LabError);
    expect((failure as Error).message).toBe(`command sh ${action} net/x had not ended after 0.5 s, and was ended`);
  });

  test.each([
    ['put', (target: BackupTarget, signal: AbortSignal) => target.put('net/x', source, signal)],
    ['get', (target: BackupTarget, signal: AbortSignal) => buffer(Readable.from(target.get('net/x', signal)))],
    ['list', (target: BackupTarget, signal: AbortSignal) => target.list('net/', signal)],
  ])('whose %s hangs is ended by an abort', async (_action, call) => {
    await expect(call(hangs(), AbortSignal.timeout(500))).rejects.toThrow(AbortedError);
  });

  test('that hangs after its first bytes does not hold whoever reads no more', async () => {
    for await (const chunk of hangs().get('net/x')) {
      expect(Buffer.from(chunk).toString('utf8')).toBe('begun');
      break;
    }
  });
});
