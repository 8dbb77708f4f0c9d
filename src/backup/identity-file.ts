import { readFile, stat } from 'node:fs/promises';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { RefusedError, UsageError } from '../core/errors.ts';
import { isErrno, writeFileAtomic } from '../core/files.ts';

/** The age identities in a file, one a line, `#` before what is none. Refuses a file that others can read. */
export async function readIdentities(file: string): Promise<string[]> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new RefusedError(
        'unsafe',
        `${file} can be read by others (mode ${(mode & 0o777).toString(8)}); make it 0600`,
      );
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new UsageError(`there is no identity file ${file}, without which the secrets of a backup cannot be read`);
  }
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length > 0) return identities;
  throw new UsageError(`${file} holds no age identity`);
}

/** Recipients of the identities in a file, which is made (0600) when it is not there. `isNew`: it was. */
export async function ownRecipients(file: string): Promise<{ recipients: string[]; isNew: boolean }> {
  const isNew = await stat(file).then(
    () => false,
    () => true,
  );
  if (isNew) {
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    await writeFileAtomic(file, `# age identity of this project's backups\n# public key: ${recipient}\n${identity}\n`, {
      mode: 0o600,
    });
  }
  const identities = await readIdentities(file);
  return { recipients: await Promise.all(identities.map((identity) => identityToRecipient(identity))), isNew };
}
