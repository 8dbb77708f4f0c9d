import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Decrypter, Encrypter } from 'age-encryption';
import tar from 'tar-stream';
import { LabError, messageOf, RefusedError } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';

/** A secret file: its path below the testnet's secrets, and what is in it. */
export interface SecretFile {
  path: string;
  content: Buffer;
}

/**
 * The files below a folder as a tar archive that is encrypted with age to all recipients; undefined when there are none. Secrets are
 * small, and nothing of them is ever written plain.
 */
export async function sealFolder(folder: string, recipients: readonly string[]): Promise<Uint8Array | undefined> {
  const files = await filesBelow(folder);
  if (files.length === 0) return undefined;
  const pack = tar.pack();
  const packing = buffer(pack);
  for (const path of files) {
    const content = await buffer(createReadStream(join(folder, path)));
    const { mtime } = await stat(join(folder, path));
    pack.entry({ name: path, mode: 0o600, mtime }, content);
  }
  pack.finalize();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(await packing);
}

/** What `sealFolder` sealed. Refuses it when none of the identities fits, or it is damaged. */
export async function openSealed(sealed: Uint8Array, identities: readonly string[]): Promise<SecretFile[]> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  let plain: Uint8Array;
  try {
    plain = await decrypter.decrypt(sealed);
  } catch (cause) {
    throw new RefusedError(
      'unsafe',
      `the secrets of the backup cannot be decrypted with this identity: ${messageOf(cause)}`,
      { cause },
    );
  }
  const files: SecretFile[] = [];
  const extract = tar.extract();
  Readable.from([plain]).pipe(extract);
  for await (const entry of extract) {
    const { name, type } = entry.header;
    const content = await buffer(entry);
    if (type !== 'file') continue;
    if (name.split('/').some((part) => part === '..' || part === '') || name.startsWith('/')) {
      throw new LabError(`the secrets of the backup hold ${JSON.stringify(name)}, which leads out of their folder`);
    }
    files.push({ path: name, content });
  }
  return files;
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
