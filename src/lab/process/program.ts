import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { sha256File } from '../../core/canonical.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import type { ProgramRecord } from './record.ts';

/** Stands where a digest would, when the file that was started is no longer the one under its path; equal to no digest. */
const CHANGED = 'changed-since-start';

/** What a process really runs. */
interface RunningProgram {
  digest: string;
  /** Arguments without the interpreter and the program. */
  arguments: string[];
  detail?: string;
}

/** Hashes files once per content: a file is read again only when its inode, size or times changed. */
export class ProgramHasher {
  readonly #digests = new Map<string, Promise<string>>();

  async measure(path: string): Promise<ProgramRecord> {
    // The fingerprint is taken first: a write during the reading then shows as a change later.
    const fingerprint = fingerprintOf(path);
    return { path, digest: await this.#digest(path, fingerprint), fingerprint };
  }

  /** The same for a node that is about to be started; a LabError names it when its program cannot be read. */
  async measureFor(node: string, programPath: string): Promise<ProgramRecord> {
    try {
      return await this.measure(programPath);
    } catch (cause) {
      throw new LabError(`the program ${programPath} of ${node} cannot be read: ${messageOf(cause)}`, {
        details: { node, programPath },
        cause,
      });
    }
  }

  /**
   * What process `pid` runs. A program run by an interpreter (`node program.mjs`) is the file that its argument names; anything
   * else is the executable itself, read through /proc, where it stays reachable after its path was replaced. Undefined when the
   * process is ending and has no executable any more.
   */
  async running(
    pid: number,
    argv: readonly string[],
    started: ProgramRecord | null,
  ): Promise<RunningProgram | undefined> {
    const executable = `/proc/${pid}/exe`;
    const index = started ? argv.indexOf(started.path) : -1;
    if (!started || index < 0) {
      try {
        return { digest: (await this.measure(executable)).digest, arguments: argv.slice(1) };
      } catch (error) {
        if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined;
        throw error;
      }
    }
    const isExecutable = isSameFile(started.path, executable);
    const args = argv.filter((_argument, position) => position !== 0 && position !== index);
    let now: ProgramRecord;
    try {
      const source = isExecutable || index === 0 ? executable : started.path;
      if (fingerprintOf(source) === started.fingerprint) return { digest: started.digest, arguments: args };
      now = await this.measure(source);
    } catch {
      return { digest: `${CHANGED}:gone`, arguments: args, detail: `its program ${started.path} is gone` };
    }
    if (now.digest === started.digest) return { digest: started.digest, arguments: args };
    return {
      digest: `${CHANGED}:${now.digest}`,
      arguments: args,
      detail: `its program ${started.path} was changed after the start: ${started.digest} then, ${now.digest} now`,
    };
  }

  #digest(path: string, fingerprint: string): Promise<string> {
    const known = this.#digests.get(fingerprint);
    if (known) return known;
    const hashing = sha256File(path).then((hex) => `sha256:${hex}`);
    this.#digests.set(fingerprint, hashing);
    hashing.catch(() => this.#digests.delete(fingerprint));
    return hashing;
  }
}

function fingerprintOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function isSameFile(path: string, executable: string): boolean {
  try {
    return realpathSync(path) === readlinkSync(executable);
  } catch {
    return false;
  }
}
