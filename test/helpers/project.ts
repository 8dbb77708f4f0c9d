import { mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import { afterAll, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { findDaemon, findMarked } from '../../src/lab/process/mark.ts';

const repository = join(import.meta.dirname, '..', '..');
const node = join(repository, 'node_modules', '.bin', 'node');
const cli = join(repository, 'bin', 'seatrial.js');

export interface CommandResult {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** A node as `status --json` shows it. */
export interface NodeStatusReport {
  name: string;
  state: string;
  version: string | null;
  digest: string | null;
  height: number | null;
  startedAt: string | null;
  healthy: boolean;
}

/** A running command; `ended` never rejects. */
export interface RunningCommand {
  pid: number;
  /** Everything that it has written so far. */
  text(): string;
  /** Resolves when it has written a line that matches; rejects when it ends before. */
  wrote(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<CommandResult>;
}

export interface ProjectOptions {
  /** Folder of the systems under test. Default: the repository's own. */
  systems?: string;
  /** What the name of its folder begins with. Default: `seatrial-project-`. */
  folder?: string;
  /** A command that takes longer is ended and fails its test. Default 110 000. */
  commandTimeoutMs?: number;
}

/**
 * A project of its own in a temporary folder, with one testnet of a unique name, on which the real command line is run. Whatever a
 * test did, its end takes the testnet down, and fails when a process was left behind.
 */
class TestProject {
  readonly root: string;
  readonly testnet = `t${randomBytes(4).toString('hex')}`;

  readonly #commandTimeoutMs: number;

  constructor({
    systems = join(repository, 'systems'),
    folder = 'seatrial-project-',
    commandTimeoutMs = 110_000,
  }: ProjectOptions = {}) {
    this.#commandTimeoutMs = commandTimeoutMs;
    this.root = realpathSync(mkdtempSync(join(tmpdir(), folder)));
    mkdirSync(join(this.root, 'stacks'));
    symlinkSync(systems, join(this.root, 'systems'));
    for (const name of ['runbooks', 'node', 'package.json', 'Pulumi.yaml']) {
      symlinkSync(join(repository, name), join(this.root, name));
    }
  }

  get stateDir(): string {
    return join(this.root, '.seatrial', this.testnet);
  }

  /** As it is typed: relative to the project. */
  get file(): string {
    return `stacks/${this.testnet}.yaml`;
  }

  async write(yaml: string): Promise<void> {
    await writeFile(join(this.root, this.file), yaml);
  }

  async seatrial(...args: string[]): Promise<CommandResult> {
    return this.start(...args).ended;
  }

  /** A command that must end well; its output is the error when it does not. */
  async succeed(...args: string[]): Promise<CommandResult> {
    const result = await this.seatrial(...args);
    if (result.exitCode !== 0) {
      throw new Error(`seatrial ${args.join(' ')} ended with ${result.exitCode}: ${result.stdout}${result.stderr}`);
    }
    return result;
  }

  /** Starts a command and does not wait for its end. */
  start(...args: string[]): RunningCommand {
    return running(spawnCommand(this.root, args, this.#commandTimeoutMs), args);
  }

  /** The output of a command that must succeed, as JSON. */
  async json<T>(...args: string[]): Promise<T> {
    const { stdout } = await this.succeed(...args, '--json');
    return JSON.parse(stdout) as T;
  }

  async status(): Promise<NodeStatusReport[]> {
    return (await this.json<{ nodes: NodeStatusReport[] }>('status', this.testnet)).nodes;
  }

  /** What really runs under each node's name, by the lab's own records. */
  async instances(): Promise<Record<string, string>> {
    const found = await findMarked(this.testnet, this.stateDir);
    return Object.fromEntries(found.map(({ node, stat }) => [node, `${stat.pid}:${stat.startTicks}`]));
  }

  /** Pids of the lab's own processes, the supervisor first. */
  async daemonPids(): Promise<number[]> {
    return (await findDaemon(this.testnet, this.stateDir)).map(({ pid }) => pid);
  }

  /** Kills a node as a crash would; returns when it is gone. */
  async crash(name: string): Promise<void> {
    const found = (await findMarked(this.testnet, this.stateDir)).find(({ node }) => node === name);
    if (!found) throw new Error(`${name} does not run`);
    process.kill(found.stat.pid, 'SIGKILL');
    const isGone = async () => ((await this.instances())[name] === undefined ? true : undefined);
    await waitFor(isGone, { clock: systemClock, what: `${name} to end`, timeoutMs: 5000 });
  }

  /** Ids of the runs, oldest first. */
  async runIds(): Promise<string[]> {
    return (await readdir(join(this.stateDir, 'runs'))).sort();
  }

  async newestRun(): Promise<RunRecord[]> {
    const id = (await this.runIds()).at(-1);
    if (id === undefined) throw new Error('there is no run');
    return (await readJournal(runFolder(this.stateDir, id))).records;
  }

  /** Every file of the testnet's folder, by its path in it. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.stateDir, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.stateDir, join(entry.parentPath, entry.name)));
  }

  readState(file: string): Promise<string> {
    return readFile(join(this.stateDir, file), 'utf8');
  }

  /** Takes the testnet down, ends what is left and removes the folder; throws when a process was left behind. */
  async dispose(): Promise<void> {
    await this.seatrial('down', this.testnet);
    const daemon = (await this.daemonPids()).map((pid) => ({ pid, what: 'lab daemon' }));
    const nodes = await findMarked(this.testnet, this.stateDir);
    const left = [...daemon, ...nodes.map(({ node, stat }) => ({ pid: stat.pid, what: node }))];
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    await rm(this.root, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind by ${this.testnet}: ${left.map(({ what }) => what).join(', ')}`);
  }
}

export type { TestProject };

/** A project for one test, taken down at its end. To be called within the test. */
export function projectForTest(options: ProjectOptions = {}): TestProject {
  const project = new TestProject(options);
  onTestFinished(() => project.dispose());
  return project;
}

/** A project for all tests of a file, taken down after the last of them. */
export function useProject(options: ProjectOptions = {}): TestProject {
  const project = new TestProject(options);
  afterAll(() => project.dispose());
  return project;
}

function spawnCommand(cwd: string, args: readonly string[], timeout: number) {
  return execa(node, [cli, ...args], {
    cwd,
    env: { NO_COLOR: '1', FORCE_COLOR: undefined },
    stdin: 'ignore',
    reject: false,
    timeout,
    killSignal: 'SIGKILL',
  });
}

function running(child: ReturnType<typeof spawnCommand>, args: readonly string[]): RunningCommand {
  let written = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      written += chunk.toString('utf8');
      for (const listener of listeners) listener();
    });
  }
  const ended = child.then(({ exitCode, stdout, stderr }) => ({ exitCode, stdout, stderr }));
  return {
    pid: child.pid ?? 0,
    text: () => written,
    wrote: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(written)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        void ended.then(() => {
          look();
          reject(new Error(`seatrial ${args.join(' ')} ended without writing ${pattern}: ${written}`));
        });
      }),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}
