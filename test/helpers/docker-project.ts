import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type Docker from 'dockerode';
import { execa } from 'execa';
import { systemClock } from '../../src/core/clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import { waitFor } from '../../src/core/wait.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { listOwnedObjects, removeOwnedObject, type OwnedObject } from '../../src/lab/docker/owned-objects.ts';
import { setupToolchain } from '../../toolchain/setup.ts';
import type { CommandResult, NodeStatusReport } from './project.ts';
import { buildReleases, type NamedRelease } from './reference-releases.ts';

const repository = join(import.meta.dirname, '..', '..');
const node = join(repository, 'node_modules', '.bin', 'node');
const cli = join(repository, 'bin', 'seatrial.js');
/** No command of these tests takes longer; one that does is ended and fails its test. */
const commandTimeoutMs = 450_000;
/** Where the user who runs the tests keeps stacks and secrets is not the tests' business. */
const withoutUsersPulumi = Object.fromEntries(
  ['BACKEND_URL', 'ACCESS_TOKEN', 'CONFIG_PASSPHRASE', 'CONFIG_PASSPHRASE_FILE', 'HOME', 'STACK'].map((name) => [
    `PULUMI_${name}`,
    undefined,
  ]),
);

/**
 * A whole project in a temporary folder, in which `seatrial` and `pulumi` are typed as a user types them, on the real engine. Its
 * testnets have names of their own; whatever a test did, `dispose` removes them and fails when anything was left.
 */
export class DockerProject {
  readonly root: string;
  readonly docker: Docker;
  readonly #testnets: string[] = [];

  private constructor(docker: Docker) {
    this.docker = docker;
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'seatrial-e2e-')));
    for (const folder of ['stacks', 'systems', 'releases']) mkdirSync(join(this.root, folder));
    cpSync(join(repository, 'systems', 'reference'), join(this.root, 'systems', 'reference'), { recursive: true });
    // The entry finds its project by where it is itself.
    cpSync(join(repository, 'stacks', 'index.ts'), join(this.root, 'stacks', 'index.ts'));
    for (const name of ['src', 'toolchain', 'runbooks', 'node', 'node_modules', 'package.json', 'Pulumi.yaml']) {
      symlinkSync(join(repository, name), join(this.root, name));
    }
  }

  /** `hasToolchain: false` leaves `seatrial setup` to the test, but makes sure that nothing has to be compiled for it. */
  static async create(docker: Docker, { hasToolchain = true } = {}): Promise<DockerProject> {
    const project = new DockerProject(docker);
    const warmUp = join(project.root, 'warm-up');
    await setupToolchain({ root: hasToolchain ? project.root : warmUp, downloads: false });
    await rm(warmUp, { recursive: true, force: true });
    return project;
  }

  /** A name that no other testnet on this machine has. */
  newTestnet(): ProjectTestnet {
    const name = `e${randomBytes(4).toString('hex')}`;
    this.#testnets.push(name);
    return new ProjectTestnet(this, name);
  }

  /** Types a command in the project's folder. */
  seatrial(args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
    return this.#type(node, [cli, ...args], env);
  }

  /** Types a command and does not wait for its end, which never rejects. */
  start(args: readonly string[]): { pid: number; ended: Promise<CommandResult> } {
    const child = execa(node, [cli, ...args], this.#options({}));
    const ended = child.then(({ exitCode, stdout, stderr }) => ({ exitCode, stdout, stderr }));
    return { pid: child.pid ?? 0, ended };
  }

  /** Types a command and kills it at once, as with `kill -9`, when it has written a line that matches. */
  async kill(args: readonly string[], when: RegExp): Promise<void> {
    const child = execa(node, [cli, ...args], this.#options({}));
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (when.test(line)) child.kill('SIGKILL');
    }
    if ((await child).signal !== 'SIGKILL') throw new Error(`ended without writing ${when}: ${lines.join('\n')}`);
  }

  /** Types `eval "$(seatrial env)"` and then this. */
  pulumi(args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
    const script = 'eval "$("$0" "$1" env)" && shift && exec pulumi "$@" --non-interactive --color=never';
    return this.#type('sh', ['-c', script, node, cli, ...args], env);
  }

  async #type(program: string, args: readonly string[], env: Record<string, string>): Promise<CommandResult> {
    const { exitCode, stdout, stderr } = await execa(program, args, this.#options(env));
    return { exitCode, stdout, stderr };
  }

  #options(env: Record<string, string>) {
    return {
      cwd: this.root,
      env: { ...withoutUsersPulumi, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
      stdin: 'ignore',
      reject: false,
      timeout: commandTimeoutMs,
      killSignal: 'SIGKILL',
    } as const;
  }

  /** Takes every testnet down; throws when an object of one, or a process of the project, was left behind. */
  async dispose(): Promise<void> {
    const left: string[] = [];
    for (const name of this.#testnets) {
      const { exitCode, stdout, stderr } = await this.seatrial(['down', name]);
      const objects = await listOwnedObjects(this.docker, name, { hasLease: true });
      left.push(...objects.map((object) => `${object.kind} ${object.name} (down: ${exitCode} ${stdout}${stderr})`));
      for (const object of objects.sort(byKind)) await removeOwnedObject(this.docker, object);
    }
    await this.processesEnded().catch((error: unknown) => left.push(messageOf(error)));
    await rm(this.root, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${left.join('; ')}`);
  }

  /** Throws when processes of the project are left. Plugins may take a moment to end after the command that they served. */
  async processesEnded(): Promise<void> {
    const what = `the processes of ${this.root} to end`;
    const ended = async (): Promise<true | undefined> => {
      const commands = await Promise.all(
        (await readdir('/proc'))
          .filter((pid) => /^\d+$/.test(pid))
          .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
      );
      const running = commands.filter((command) => command.includes(this.root));
      if (running.length > 0) throw new Error(running.join(', ').replaceAll('\0', ' '));
      return true;
    };
    await waitFor(ended, { clock: systemClock, what, timeoutMs: 10_000, intervalMs: 200 });
  }
}

/** One testnet of a project, by its file, its state and what the engine holds of it. */
export class ProjectTestnet {
  readonly project: DockerProject;
  readonly name: string;
  readonly file: string;
  readonly stateDir: string;

  constructor(project: DockerProject, name: string) {
    this.project = project;
    this.name = name;
    this.file = `stacks/${name}.yaml`;
    this.stateDir = join(project.root, '.seatrial', name);
  }

  write(yaml: string): Promise<void> {
    return writeFile(join(this.project.root, this.file), yaml);
  }

  /**
   * Builds these releases of the reference node, writes a file that runs the first of them, and brings it up. `more`: further lines of the
   * file, the nodes among them. Throws with what `up` has said when it fails.
   */
  async upReference(releases: readonly [NamedRelease, ...NamedRelease[]], ...more: string[]): Promise<void> {
    const named = await buildReleases(join(this.project.root, 'releases'), releases);
    const lines = ['system: reference', 'lab: docker', `version: ${releases[0].version}`, 'releases:', named, ...more];
    await this.write(`${lines.join('\n')}\n`);
    const { exitCode, stdout, stderr } = await this.seatrial('up', this.file);
    if (exitCode !== 0) throw new Error(`up ended with ${exitCode}: ${stdout}${stderr}`);
  }

  /** Opens the file in an editor, so to speak. */
  async edit(from: string | RegExp, to: string): Promise<void> {
    const path = join(this.project.root, this.file);
    const before = await readFile(path, 'utf8');
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${String(from)} is not in ${this.file}`);
    await writeFile(path, after);
  }

  seatrial(...args: string[]): Promise<CommandResult> {
    return this.project.seatrial(args);
  }

  /** A pulumi command on this testnet's stack. */
  pulumi(...args: string[]): Promise<CommandResult> {
    return this.project.pulumi([...args, '--stack', this.name]);
  }

  async status(): Promise<NodeStatusReport[]> {
    const { exitCode, stdout, stderr } = await this.seatrial('status', this.name, '--json');
    if (exitCode !== 0) throw new Error(`status ended with ${exitCode}: ${stdout}${stderr}`);
    return (JSON.parse(stdout) as { nodes: NodeStatusReport[] }).nodes;
  }

  objects(): Promise<OwnedObject[]> {
    return listOwnedObjects(this.project.docker, this.name, { hasLease: true });
  }

  /** Container id by node, of those that exist. */
  async ids(): Promise<Record<string, string>> {
    const objects = await this.objects();
    const found = objects.flatMap(({ kind, node, id }) => (kind === 'container' && node ? [[node, id] as const] : []));
    return Object.fromEntries(found.sort());
  }

  container(member: string): Docker.Container {
    return this.project.docker.getContainer(`${this.name}-${member}`);
  }

  /** The newest run's journal. */
  async newestRun(): Promise<RunRecord[]> {
    const id = (await readdir(join(this.stateDir, 'runs'))).sort().at(-1);
    if (id === undefined) throw new Error('there is no run');
    return (await readJournal(runFolder(this.stateDir, id))).records;
  }
}

/** A network and a volume can be removed once no container holds them. */
function byKind(a: OwnedObject, b: OwnedObject): number {
  return Number(b.kind === 'container') - Number(a.kind === 'container');
}

/** What was changed and gated, in the order of the journal: `replace validator-0`, `PASS validator-0`. */
export function deeds(records: readonly RunRecord[]): string[] {
  return records.flatMap((record) => {
    if (record.type === 'intent') return [`${record.action} ${record.node}`];
    if (record.type === 'gate.verdict' && record.step !== 'preflight')
      return [`${record.verdict.kind} ${record.nodes.join(' ')}`];
    return [];
  });
}
