import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AbortedError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { isErrno, readJsonFile, writeFileAtomic } from '../core/files.ts';
import type { RunEvent } from '../journal/records.ts';

/** How often a run looks for what its operator asks. */
const pollMs = 500;

/** What an operator can ask of a run that goes on in another process. */
export type RunRequest =
  | { kind: 'pause' | 'continue' | 'abort'; by: string }
  | { kind: 'decide'; by: string; step: string; planHash: string; decision: 'approved' | 'rejected' };

/** The run was told to stop and to take back what it did. */
export class AbortRequested extends AbortedError {
  readonly by: string;

  constructor(by: string) {
    super(`abort was asked for by ${by}`);
    this.by = by;
  }
}

function folderOf(runDir: string): string {
  return join(runDir, 'requests');
}

/** Leaves a request for a run; it is taken within a second where the run is under way. */
export async function requestOf(runDir: string, request: RunRequest, id: string): Promise<void> {
  await mkdir(folderOf(runDir), { recursive: true });
  await writeFileAtomic(join(folderOf(runDir), `${id}.json`), JSON.stringify(request));
}

/** Requests that nobody has taken are forgotten, so that a run which goes on later does not meet old ones. */
export async function forgetRequests(runDir: string): Promise<void> {
  await rm(folderOf(runDir), { recursive: true, force: true });
}

/** Takes the requests of a run's operator: they come as files, so that no port is open and nothing is lost while nobody listens. */
export class RunControl {
  /** Aborted with `AbortRequested`. */
  readonly abort = new AbortController();
  readonly #runDir: string;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #decisions = new Map<string, RunRequest & { kind: 'decide' }>();
  #pausedBy: string | undefined;
  #continuedBy: string | undefined;
  #isListening = false;

  constructor(runDir: string, clock: Clock) {
    this.#runDir = runDir;
    this.#clock = clock;
  }

  /** Begins to look for requests. */
  listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#poll().catch(() => undefined);
  }

  close(): void {
    this.#closed.abort();
  }

  /** What was decided on a step, for exactly this plan. */
  decisionOn(step: string, planHash: string): (RunRequest & { kind: 'decide' }) | undefined {
    const decision = this.#decisions.get(step);
    return decision?.planHash === planHash ? decision : undefined;
  }

  /** Returns at once, or when a paused run may go on. */
  async whilePaused(signal: AbortSignal, record: (event: RunEvent) => Promise<void>): Promise<void> {
    if (this.#pausedBy === undefined) return;
    await record({ type: 'paused', by: this.#pausedBy });
    while (this.#isPaused()) await this.#clock.sleep(pollMs, signal);
    await record({ type: 'continued', by: this.#continuedBy ?? 'nobody' });
  }

  #isPaused(): boolean {
    return this.#pausedBy !== undefined;
  }

  async #poll(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      for (const request of await this.#takeAll()) this.#heed(request);
      await this.#clock.sleep(pollMs, this.#closed.signal);
    }
  }

  #heed(request: RunRequest): void {
    switch (request.kind) {
      case 'pause':
        this.#pausedBy = request.by;
        break;
      case 'continue':
        this.#pausedBy = undefined;
        this.#continuedBy = request.by;
        break;
      case 'abort':
        this.#pausedBy = undefined;
        this.abort.abort(new AbortRequested(request.by));
        break;
      case 'decide':
        this.#decisions.set(request.step, request);
        break;
    }
  }

  async #takeAll(): Promise<RunRequest[]> {
    const folder = folderOf(this.#runDir);
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
    const requests: RunRequest[] = [];
    for (const name of names.filter((entry) => entry.endsWith('.json')).sort()) {
      const file = join(folder, name);
      const request = await readJsonFile<RunRequest>(file).catch(() => undefined);
      // A decision stays until the run has written it down, so that one that is killed meanwhile finds it again.
      if (request?.kind !== 'decide' && request?.kind !== 'abort') await rm(file, { force: true });
      if (request) requests.push(request);
    }
    return requests;
  }
}
