import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { ownRecipients, readIdentities } from '../../../src/backup/identity-file.ts';
import { openSealed, sealFolder } from '../../../src/backup/seal-secrets.ts';
import { memoryFolder } from '../../helpers/temporary-folder.ts';

async function secretsFolder(): Promise<string> {
  const folder = await memoryFolder();
  await mkdir(join(folder, 'node-0'));
  await writeFile(join(folder, 'node-0', 'key.pem'), 'a private key');
  await writeFile(join(folder, 'node-0', 'empty'), '');
  return folder;
}

test('sealed secrets hold nothing plain, and every recipient can open them', async () => {
  const folder = await secretsFolder();
  const identities = [await generateIdentity(), await generateIdentity()];
  const sealed = await sealFolder(folder, await Promise.all(identities.map(identityToRecipient)));
  if (!sealed) throw new Error('there are secrets');
  expect(Buffer.from(sealed).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n/);
  for (const plain of ['a private key', 'key.pem', 'node-0']) {
    expect(Buffer.from(sealed).includes(plain), plain).toBe(false);
  }
  for (const identity of identities) {
    const files = await openSealed(sealed, [identity]);
    expect(files.map(({ path, content }) => [path, content.toString('utf8')])).toEqual([
      ['node-0/empty', ''],
      ['node-0/key.pem', 'a private key'],
    ]);
  }
});

test('another identity, and a single wrong bit, open nothing', async () => {
  const identity = await generateIdentity();
  const sealed = await sealFolder(await secretsFolder(), [await identityToRecipient(identity)]);
  if (!sealed) throw new Error('there are secrets');
  await expect(openSealed(sealed, [await generateIdentity()])).rejects.toThrow(/cannot be decrypted/);
  for (const place of [40, sealed.length - 1]) {
    const bad = Uint8Array.from(sealed);
    bad[place] = (bad[place] ?? 0) ^ 1;
    await expect(openSealed(bad, [identity]), `byte ${place}`).rejects.toThrow(/cannot be decrypted/);
  }
});

test('a testnet without secrets has nothing to seal', async () => {
  expect(await sealFolder(join(await memoryFolder(), 'none'), [])).toBeUndefined();
});

test('an identity is made once, 0600, and never read when others could read it', async () => {
  const file = join(await memoryFolder(), 'deep', 'identity.txt');
  const made = await ownRecipients(file);
  expect(made.isNew).toBe(true);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const text = await readFile(file, 'utf8');
  expect(await ownRecipients(file)).toEqual({ recipients: made.recipients, isNew: false });
  expect(await readFile(file, 'utf8')).toBe(text);
  expect(await readIdentities(file)).toHaveLength(1);
  await chmod(file, 0o640);
  await expect(readIdentities(file)).rejects.toThrow(/can be read by others \(mode 640\)/);
  await expect(readIdentities(`${file}.none`)).rejects.toThrow(/there is no identity file/);
});
