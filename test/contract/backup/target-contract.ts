import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackupTarget } from '../../../src/backup/backup-target.ts';
import { bytesSource, MissingObjectError, problemOf, store } from '../../../src/backup/stored-objects.ts';
import { AbortedError } from '../../../src/core/errors.ts';

export interface TargetSubject {
  target: BackupTarget;
  /** Changes one byte of what is kept under a path. */
  spoil(path: string): Promise<void>;
  /** Everything that is really kept, whatever the target says. */
  kept(): Promise<string[]>;
  dispose(): Promise<void>;
}

const largeBytes = 40 * 1024 * 1024;

export function targetContract(name: string, makeSubject: () => Promise<TargetSubject>): void {
  describe(`backup target contract: ${name}`, () => {
    let subject: TargetSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(async () => subject.dispose());

    const read = (path: string): Promise<Buffer> => buffer(Readable.from(subject.target.get(path)));

    test('gives back what was put, replaces it, and lists it', async () => {
      const { target } = subject;
      await target.put('net/one/a.json', bytesSource(Buffer.from('first')));
      await target.put('net/one/deep/b+1.bin', bytesSource(Buffer.from([0, 255, 10, 13, 0])));
      await target.put('net/two/c', bytesSource(Buffer.alloc(0)));
      expect((await read('net/one/a.json')).toString('utf8')).toBe('first');
      expect([...(await read('net/one/deep/b+1.bin'))]).toEqual([0, 255, 10, 13, 0]);
      expect(await read('net/two/c')).toHaveLength(0);
      await target.put('net/one/a.json', bytesSource(Buffer.from('second')));
      expect((await read('net/one/a.json')).toString('utf8')).toBe('second');
      expect((await target.list('net/one/')).sort()).toEqual(['net/one/a.json', 'net/one/deep/b+1.bin']);
      expect((await target.list('net/')).sort()).toHaveLength(3);
      expect(await target.list('nowhere/')).toEqual([]);
    });

    test('says that there is nothing where there is nothing, and removing it is no failure', async () => {
      await expect(read('net/none')).rejects.toThrow(MissingObjectError);
      await subject.target.remove('net/none');
      await subject.target.put('net/gone/x', bytesSource(Buffer.from('x')));
      await subject.target.remove('net/gone/x');
      await expect(read('net/gone/x')).rejects.toThrow(MissingObjectError);
      expect(await subject.target.list('net/gone/')).toEqual([]);
    });

    test('streams what is larger than it holds at once, and a smaller one in its place is whole', async () => {
      const block = randomBytes(1024 * 1024);
      const bytes = async function* (): AsyncGenerator<Uint8Array> {
        for (let sent = 0; sent < largeBytes; sent += block.length) yield block;
      };
      const hash = createHash('sha256');
      for await (const chunk of bytes()) hash.update(chunk);
      const source = { sizeBytes: largeBytes, sha256: hash.digest('hex'), open: bytes };
      const object = await store(subject.target, 'net/large', 'data', source);
      expect(await problemOf(subject.target, 'net/large', object)).toBeUndefined();
      expect(await subject.target.list('net/large/')).toEqual(['net/large/data']);
      await subject.target.put('net/large/data', bytesSource(Buffer.from('small')));
      expect((await read('net/large/data')).toString('utf8')).toBe('small');
      await subject.target.remove('net/large/data');
      expect((await subject.kept()).filter((path) => path.includes('large'))).toEqual([]);
    });

    test('a source that ends in the middle leaves nothing behind', async () => {
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBytes(20 * 1024 * 1024);
        throw new Error('the disk is gone');
      };
      const source = { sizeBytes: 30 * 1024 * 1024, sha256: '0'.repeat(64), open: broken };
      await expect(subject.target.put('net/cut/data', source)).rejects.toThrow();
      expect((await subject.kept()).filter((path) => path.includes('cut'))).toEqual([]);
    });

    test('what does not read back as it was sent is no success, and does not stay', async () => {
      const source = { ...bytesSource(Buffer.from('what was read')), sha256: '1'.repeat(64) };
      await expect(store(subject.target, 'net/wrong', 'data', source)).rejects.toThrow(/did not arrive whole/);
      expect((await subject.kept()).filter((path) => path.includes('wrong'))).toEqual([]);
    });

    test('a byte that was changed where it lies is found', async () => {
      const object = await store(subject.target, 'net/spoiled', 'data', bytesSource(randomBytes(1000)));
      await subject.spoil('net/spoiled/data');
      expect(await problemOf(subject.target, 'net/spoiled', object)).toMatch(/has SHA-256/);
    });

    test('an aborted call does not go on', async () => {
      const signal = AbortSignal.abort();
      const put = subject.target.put('net/aborted', bytesSource(Buffer.from('x')), signal);
      await expect(put).rejects.toThrow(AbortedError);
      expect((await subject.kept()).filter((path) => path.includes('aborted'))).toEqual([]);
    });
  });
}
