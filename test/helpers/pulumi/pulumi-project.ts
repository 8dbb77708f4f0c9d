import { randomBytes, randomInt } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { execa } from 'execa';
import { systemClock } from '../../../src/core/clock.ts';
import type { DeployEvent } from '../../../src/deploy/pulumi/options.ts';
import { createPulumiDeployer } from '../../../src/deploy/pulumi/pulumi-deployer.ts';
import type { Deployer, NodeChange, RollHooks } from '../../../src/engine/deployer.ts';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { listOwnedObjects, removeOwnedObject } from '../../../src/lab/docker/owned-objects.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { setupToolchain, toolchainEnvironment } from '../../../toolchain/setup.ts';
import { engineHost, removeAll, testEngine, testImages } from '../toolchain/test-engine.ts';
import { placeSampleSecrets } from './place-sample-secrets.ts';
import { sampleTestnet } from './sample-testnet.ts';

const repository = join(import.meta.dirname, '../../..');

/** A project folder of its own, with the product's Pulumi.yaml and a Pulumi engine. */
export class PulumiProject {
  readonly root: string;
  readonly docker: Docker;
  readonly imageId: string;
  readonly cli: string;
  readonly env: Record<string, string>;
  readonly #testnets: string[] = [];
  /** Where the slots of this project's testnets begin: two runs of the tests on one engine seldom meet. */
  readonly #firstSlot = randomInt(250);

  private constructor(root: string, docker: Docker, imageId: string, cli: string) {
    this.root = root;
    this.docker = docker;
    this.imageId = imageId;
    this.cli = cli;
    // Not the backend and the passphrase of whoever runs the tests.
    this.env = { ...toolchainEnvironment({ root }, { PATH: process.env['PATH'] }), DOCKER_HOST: engineHost };
  }

  static async create(): Promise<PulumiProject> {
    const root = await mkdtemp(join(tmpdir(), 'seatrial-pulumi-'));
    await mkdir(join(root, 'stacks'));
    await cp(join(repository, 'Pulumi.yaml'), join(root, 'Pulumi.yaml'));
    // The CLI asks for the entry point even where the program comes from the test itself.
    await writeFile(join(root, 'stacks', 'index.ts'), '');
    const { pulumi } = await setupToolchain({ root, downloads: false });
    const docker = testEngine();
    const [imageId] = await testImages(docker);
    return new PulumiProject(root, docker, imageId, pulumi);
  }

  /** A testnet whose name, subnet and ports are no other's of this project. */
  testnet(): SampleTestnet {
    const name = `st-${randomBytes(3).toString('hex')}`;
    const slot = 1 + ((this.#firstSlot + this.#testnets.length) % 250);
    this.#testnets.push(name);
    return new SampleTestnet(this, name, slot);
  }

  /** From now on a hand-typed `pulumi up` runs the test's entry, on the product's package. */
  async useTestEntry(): Promise<void> {
    const manifest = await readFile(join(this.root, 'Pulumi.yaml'), 'utf8');
    await writeFile(join(this.root, 'Pulumi.yaml'), manifest.replace(/^main: .*$/m, 'main: entry/index.ts'));
    await symlink(join(repository, 'test', 'fixtures', 'pulumi-entry'), join(this.root, 'entry'));
    await symlink(join(repository, 'node_modules'), join(this.root, 'node_modules'));
    await cp(join(repository, 'package.json'), join(this.root, 'package.json'));
  }

  /** Runs the CLI as if typed in the project folder. */
  async pulumi(...args: string[]): Promise<{ exitCode: number | undefined; output: string }> {
    const { exitCode, all } = await execa(this.cli, [...args, '--non-interactive'], {
      cwd: this.root,
      env: { ...this.env, SEATRIAL_TEST_FOLDER: this.root },
      reject: false,
      all: true,
      stdin: 'ignore',
      timeout: 60_000,
    });
    return { exitCode, output: all };
  }

  async remove(): Promise<void> {
    for (const name of this.#testnets) await removeAll(this.docker, name);
    await rm(this.root, { recursive: true, force: true });
  }
}

/** One testnet of the sample program, and what was seen of it. */
export class SampleTestnet {
  readonly project: PulumiProject;
  readonly name: string;
  readonly deployer: Deployer;
  readonly events: DeployEvent[] = [];
  readonly #slot: number;

  constructor(project: PulumiProject, name: string, slot: number) {
    this.project = project;
    this.name = name;
    this.#slot = slot;
    this.deployer = this.nextDeployer();
  }

  /** A deployer as the next command has it, with nothing of the one before. */
  nextDeployer(): Deployer {
    const { project, name } = this;
    const { docker } = project;
    const lab = createDockerLab({ topology: this.topology(['1']), docker });
    return createPulumiDeployer({
      root: project.root,
      testnet: name,
      toolchain: { cli: project.cli, env: project.env },
      dockerHost: engineHost,
      observe: (node) => lab.observe(node),
      placeSecrets: (container) => placeSampleSecrets(docker, container),
      objects: {
        list: (signal) => listOwnedObjects(docker, name, { signal }),
        remove: (object, signal) => removeOwnedObject(docker, object, { signal }),
      },
      clock: systemClock,
      onEvent: (event) => this.events.push(event),
    });
  }

  topology(versions: readonly string[], secretFiles?: readonly string[]): Topology {
    const { root, imageId } = this.project;
    const stateDir = join(root, '.seatrial', this.name);
    const secrets = secretFiles && { secretFiles };
    return sampleTestnet({ testnet: this.name, slot: this.#slot, imageId, stateDir, versions, ...secrets });
  }

  /** A 0600 file for each node with this text and the node's number. */
  async secretFiles(count: number, text: string): Promise<string[]> {
    const folder = join(this.project.root, '.seatrial', this.name);
    await mkdir(folder, { recursive: true });
    const files = Array.from({ length: count }, (_, index) => join(folder, `key-${index}`));
    await Promise.all(files.map((file, index) => writeFile(file, `${text}${index}`, { mode: 0o600 })));
    return files;
  }

  container(node: string): Docker.Container {
    return this.project.docker.getContainer(`${this.name}-${node}`);
  }

  /** Container id by node, of those that exist. */
  async ids(): Promise<Record<string, string>> {
    const objects = await this.objects();
    return Object.fromEntries(
      objects.flatMap(({ kind, node, id }) => (kind === 'container' && node ? [[node, id]] : [])),
    );
  }

  objects(): ReturnType<typeof listOwnedObjects> {
    return listOwnedObjects(this.project.docker, this.name);
  }
}

/** Hooks that note their calls in order. A gate that passed is remembered until the node is touched again. */
export class NotedHooks implements RollHooks {
  readonly calls: string[] = [];
  readonly proven = new Set<string>();
  /** Instead of passing the gate of a node. */
  onAfter: ((node: string) => Promise<void>) | undefined;
  /** Besides passing the gate of nodes that were made. */
  onCreated: ((nodes: readonly string[]) => Promise<void>) | undefined;

  async before(node: string, { kind }: NodeChange): Promise<void> {
    this.calls.push(`before ${node} ${kind}`);
    this.proven.delete(node);
  }

  async after(node: string): Promise<void> {
    this.calls.push(`after ${node}`);
    await this.onAfter?.(node);
    this.proven.add(node);
  }

  async afterCreated(nodes: readonly string[]): Promise<void> {
    this.calls.push(`created ${nodes.join(' ')}`);
    await this.onCreated?.(nodes);
    for (const node of nodes) this.proven.add(node);
  }

  async isProven(node: string): Promise<boolean> {
    return this.proven.has(node);
  }

  /** The calls since the last time. */
  take(): string[] {
    return this.calls.splice(0);
  }
}
