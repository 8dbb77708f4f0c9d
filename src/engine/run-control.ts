import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AbortedError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { isErrno, readJsonFile, writeFileAtomic } from '../core/files.ts';
import type { RunEvent } from '../journal/records.ts';
import { requestFrom, type Decision, type RunRequest } from './run-request.ts';

/** How often a run looks for what its operator asks. */
const pollMs = 500;

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

/** Leaves a request for a run; it is taken within a second where the run is under way. Requests are taken in the order of their ids. */
export async function requestOf(runDir: string, request: RunRequest, id: string): Promise<void> {
  // Who may write here decides for the operator.
  await mkdir(folderOf(runDir), { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(folderOf(runDir), `${id}.json`), JSON.stringify(request), { mode: 0o600 });
}

/** The decision that lies there for a step of this plan, and counts when the run comes to take it: of several the first. */
export async function pendingDecision(
  runDir: string,
  { step, planHash }: Pick<Decision, 'step' | 'planHash'>,
): Promise<Decision | undefined> {
  const requests = (await requestsIn(runDir)).map(({ request }) => request);
  return requests.find(
    (request): request is Decision =>
      request?.kind === 'decide' && request.step === step && request.planHash === planHash,
  );
}

/** All that lies there, in the order in which it is taken; `request` is undefined where a file is none. */
async function requestsIn(runDir: string): Promise<{ name: string; request: RunRequest | undefined }[]> {
  const folder = folderOf(runDir);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const requests: { name: string; request: RunRequest | undefined }[] = [];
  for (const name of names.filter((entry) => entry.endsWith('.json') && !entry.startsWith('.')).sort()) {
    const content = await readJsonFile<unknown>(join(folder, name)).catch(() => undefined);
    requests.push({ name, request: requestFrom(content) });
  }
  return requests;
}

/** A run that has ended forgets its requests, so that one which goes on later does not meet old ones. */
export async function forgetRequests(runDir: string): Promise<void> {
  await rm(folderOf(runDir), { recursive: true, force: true });
}

export interface RunControlOptions {
  runDir: string;
  clock: Clock;
  /** Decisions on any other plan do not count. */
  planHash: string;
  record(event: RunEvent): Promise<void>;
}

/** Takes the requests of a run's operator: they come as files, so that no port is open and nothing is lost while nobody listens. */
export class RunControl {
  /** Aborted with `AbortRequested`. */
  readonly abort = new AbortController();
  readonly #options: RunControlOptions;
  readonly #closed = new AbortController();
  readonly #decisions = new Map<string, Decision>();
  /** Files that were told of already. */
  readonly #told = new Set<string>();
  #pausedBy: string | undefined;
  #continuedBy: string | undefined;
  #isListening = false;

  constructor(options: RunControlOptions) {
    this.#options = options;
  }

  /**
   * Takes what was asked while nobody listened, and begins to look for more. Whoever lets a run go on has ended its pause; an abort and
   * a decision stand.
   */
  async listen(): Promise<void> {
    if (this.#isListening) return;
    this.#isListening = true;
    await this.#look();
    this.#pausedBy = undefined;
    this.#poll().catch(() => undefined);
  }

  close(): void {
    this.#closed.abort();
  }

  /** What was decided on a step; of several decisions the first. */
  decisionOn(step: string): Decision | undefined {
    return this.#decisions.get(step);
  }

  /** Returns at once, or when a paused run may go on. */
  async whilePaused(signal: AbortSignal): Promise<void> {
    if (this.#pausedBy === undefined) return;
    const { clock, record } = this.#options;
    await record({ type: 'paused', by: this.#pausedBy });
    while (this.#isPaused()) await clock.sleep(pollMs, signal);
    await record({ type: 'continued', by: this.#continuedBy ?? 'nobody' });
  }

  #isPaused(): boolean {
    return this.#pausedBy !== undefined;
  }

  async #poll(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      await this.#options.clock.sleep(pollMs, this.#closed.signal);
      await this.#look();
    }
  }

  /** A folder that cannot be read now is looked into again. */
  async #look(): Promise<void> {
    for (const request of await this.#takeAll().catch(() => [])) this.#heed(request);
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
        if (!this.#decisions.has(request.step)) this.#decisions.set(request.step, request);
        break;
    }
  }

  async #takeAll(): Promise<RunRequest[]> {
    const { runDir, planHash } = this.#options;
    const requests: RunRequest[] = [];
    for (const { name, request } of await requestsIn(runDir)) {
      const isForUs = request !== undefined && (request.kind !== 'decide' || request.planHash === planHash);
      // A decision stays until the run has ended, so that one that is killed meanwhile finds it again.
      if (!isForUs || (request.kind !== 'decide' && request.kind !== 'abort'))
        await rm(join(folderOf(runDir), name), { force: true });
      if (isForUs) requests.push(request);
      else this.#tell(name, request);
    }
    return requests;
  }

  #tell(name: string, request: RunRequest | undefined): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    const why =
      request?.kind === 'decide'
        ? `${request.by} ${request.decision} ${request.step} of another plan (${request.planHash.slice(0, 12)})`
        : `${name} cannot be understood`;
    const text = `a request was ignored: ${why}`;
    // Where the journal takes nothing more the run itself finds out.
    this.#options.record({ type: 'note', level: 'warning', text }).catch(() => undefined);
  }
}
