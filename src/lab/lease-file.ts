import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { abortedError } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import { isErrno, syncFolder, writeFileAtomic } from '../core/files.ts';
import type { CallOptions, LabLease, LeaseOwner } from './lab.ts';
import { heldError, isProvablyGone, lostError, parseLease, type LeaseFacts } from './lease.ts';

/** Each taker that loses a race sees its winner the next time; so many rounds never come without something being broken. */
const MAX_ROUNDS = 50;

export interface FileLeaseOptions extends CallOptions {
  testnet: string;
  stateDir: string;
  owner: LeaseOwner;
  lastToken?: number;
}

/** A claim on the testnet. Its file's number is one higher than that of the claim before; the highest is the one that counts. */
interface Claim extends LeaseFacts {
  nonce: string;
  isReleased: boolean;
}

interface FoundClaim extends Claim {
  file: string;
  number: number;
}

/**
 * Takes the lease in `<stateDir>/lease`. A claim is a complete file that gets its number by a link, which fails where the number is
 * taken: of all that take over from the same owner one succeeds. The newest claim stays when it is released, and keeps the token.
 */
export async function takeFileLease(options: FileLeaseOptions): Promise<LabLease> {
  const { testnet, stateDir, owner, lastToken = 0, signal } = options;
  const folder = join(stateDir, 'lease');
  await mkdir(folder, { recursive: true });
  const nonce = randomBytes(8).toString('hex');
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (signal?.aborted) throw abortedError(signal);
    const before = await newestClaim(folder);
    // The nodes of this lab are processes of this machine: whoever held it in an earlier boot went with them.
    if (before && !before.isReleased && !(await isProvablyGone(before.owner, { isLabThisMachine: true }))) {
      throw await heldError(testnet, before, `rm ${before.file}`);
    }
    const claim: Claim = { token: Math.max(before?.token ?? 0, lastToken) + 1, owner, nonce, isReleased: false };
    const number = (before?.number ?? 0) + 1;
    const file = join(folder, `${String(number).padStart(9, '0')}.json`);
    if (!(await linkNew(folder, file, claim))) continue;
    const newest = await newestClaim(folder);
    if (newest?.nonce !== nonce) {
      // It looked long ago: the number had been used and cleared away since.
      await rm(file, { force: true });
      continue;
    }
    await removeBefore(folder, number);
    return lease(testnet, folder, newest);
  }
  throw new LabError(`the lease of ${testnet} could not be taken in ${MAX_ROUNDS} rounds; see ${folder}`);
}

function lease(testnet: string, folder: string, own: FoundClaim): LabLease {
  const { token, nonce } = own;
  return {
    token,
    check: async ({ signal } = {}) => {
      if (signal?.aborted) throw abortedError(signal);
      const newest = await newestClaim(folder);
      if (newest?.nonce === nonce && !newest.isReleased) return;
      throw lostError(testnet, token, newest && !newest.isReleased && newest.nonce !== nonce ? newest : undefined);
    },
    release: async () => {
      const newest = await newestClaim(folder);
      if (newest?.nonce !== nonce) return;
      await writeFileAtomic(newest.file, textOf({ ...newest, isReleased: true }));
    },
  };
}

async function newestClaim(folder: string): Promise<FoundClaim | undefined> {
  // A claim that was cleared away between the look at the folder and the look into it has a newer one beside it.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const numbers = await numbersIn(folder);
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    const file = join(folder, `${String(number).padStart(9, '0')}.json`);
    try {
      const text = await readFile(file, 'utf8');
      const { nonce, isReleased } = JSON.parse(text) as Partial<Claim>;
      return { ...parseLease(text, file), nonce: nonce ?? '', isReleased: isReleased ?? false, file, number };
    } catch (error) {
      if (isErrno(error, 'ENOENT')) continue;
      if (error instanceof SyntaxError) {
        throw new LabError(`${file} is not a lease; if no command is changing this testnet: rm ${file}`, {
          cause: error,
        });
      }
      throw error;
    }
  }
  throw new LabError(`${folder} does not keep still`);
}

/** False when the number was taken by somebody else. */
async function linkNew(folder: string, file: string, claim: Claim): Promise<boolean> {
  const temporary = join(folder, `.${claim.nonce}`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(textOf(claim));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(temporary, file);
  } catch (error) {
    // ENOENT: whoever took the number meanwhile cleared away what was left lying.
    if (isErrno(error, 'EEXIST') || isErrno(error, 'ENOENT')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
  return true;
}

/** Older claims, and what takers that were killed left. */
async function removeBefore(folder: string, number: number): Promise<void> {
  const files = await readdir(folder);
  const old = files.filter((file) => file.startsWith('.') || Number.parseInt(file, 10) < number);
  await Promise.all(old.map((file) => rm(join(folder, file), { force: true })));
}

async function numbersIn(folder: string): Promise<number[]> {
  try {
    return (await readdir(folder)).flatMap((file) => (/^\d{9}\.json$/.test(file) ? [Number.parseInt(file, 10)] : []));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function textOf({ token, owner, nonce, isReleased }: Claim): string {
  return `${JSON.stringify({ token, owner, nonce, isReleased }, undefined, 2)}\n`;
}
