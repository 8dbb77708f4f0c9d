import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { durationOf } from '../core/parameters.ts';
import { readSnapshotManifest } from '../lab/snapshot-manifest.ts';
import type { BackupSpec } from '../spec/testnet.ts';
import type { Topology } from '../topology/topology.ts';
import { manifestName, manifestText, type BackedUpNode, type BackupManifest } from './backup-manifest.ts';
import type { BackupTarget } from './backup-target.ts';
import {
  findBackup,
  listBackups,
  removeBackup,
  type ChooseOptions,
  type ChosenBackup,
  type FoundBackup,
} from './find-backups.ts';
import { ownRecipients, readIdentities } from './identity-file.ts';
import { openTargets } from './open-target.ts';
import { placeRebuild } from './place-rebuild.ts';
import { rebuildSources, type NamedSource } from './rebuild-sources.ts';
import { superfluous } from './retention.ts';
import { stageBackup } from './stage-backup.ts';
import { bytesSource, fileSource, store } from './stored-objects.ts';

export interface BackupsOptions {
  root: string;
  testnet: string;
  system: string;
  stateDir: string;
  /** The testnet file. */
  specFile: string;
  settings: BackupSpec;
  clock: Clock;
  env: NodeJS.ProcessEnv;
  /** File of age identities. Default: the project's own, made when it is first needed. */
  identityFile?: string | undefined;
  /** Told what a person must know, such as that an identity was made. */
  notice(text: string): void;
}

/** A node whose data lies in the staging folder. */
export type StagedNode = Omit<BackedUpNode, 'archive' | 'listing' | 'createdAt'>;

export interface StoreRequest {
  id: string;
  topology: Topology;
  nodes: readonly StagedNode[];
  /** Keep what a rebuild needs as well. */
  isWhole: boolean;
  /** Default: the targets of the testnet file. */
  targets: readonly string[];
}

export interface StoredBackup {
  target: string;
  manifest: BackupManifest;
  /** Ids of older backups that were removed, as the testnet file wants it. */
  removed: string[];
}

/** A testnet's backups: what is taken goes through here into its targets, and what is restored comes from them. */
export class Backups {
  readonly #options: BackupsOptions;

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  get settings(): BackupSpec {
    return this.#options.settings;
  }

  /** Oldest age of a backup that is restored, in ms; undefined: any. */
  get maxAgeMs(): number | undefined {
    const { maxAge } = this.settings;
    return maxAge === undefined ? undefined : durationOf(maxAge, 'backups.maxAge');
  }

  /** Where the data of a node waits on the operator's machine: on its way into a backup, or out of it. Relative to the state folder. */
  stagingFolder(id: string, node: string): string {
    return `staging/${id}/${node}`;
  }

  async targets(named: readonly string[] = []): Promise<BackupTarget[]> {
    const { root, specFile, env, settings } = this.#options;
    return openTargets(named, settings, { root, specFile, env });
  }

  /**
   * Puts what lies in the staging folder into every target, the manifest last, and then removes it there. Done again after it was cut
   * off, it goes on where it was. Older backups go as the testnet file says.
   */
  async store(request: StoreRequest, signal?: AbortSignal): Promise<StoredBackup[]> {
    const { id, targets: named } = request;
    const { testnet } = this.#options;
    const targets = await this.targets(named);
    let prepared: Awaited<ReturnType<typeof this.prepare>> | undefined;
    const stored: StoredBackup[] = [];
    for (const target of targets) {
      const base = `${testnet}/${id}`;
      let manifest = await findBackup(target, testnet, id, signal).catch(() => undefined);
      if (!manifest) {
        prepared ??= await this.prepare(request);
        for (const { path, source } of prepared.sources) await store(target, base, path, source, signal);
        manifest = prepared.manifest;
        await store(target, base, manifestName, bytesSource(Buffer.from(manifestText(manifest))), signal);
      }
      stored.push({ target: target.name, manifest, removed: await this.#prune(target, signal) });
    }
    await this.dropStaged(id);
    return stored;
  }

  /** The manifest of a backup that is to be stored, and all that it consists of. */
  async prepare({
    id,
    topology,
    nodes,
    isWhole,
  }: StoreRequest): Promise<{ manifest: BackupManifest; sources: NamedSource[] }> {
    const { root, testnet, system, stateDir, specFile } = this.#options;
    const sources: NamedSource[] = [];
    const backedUp: BackedUpNode[] = [];
    for (const node of nodes) {
      const folder = join(stateDir, this.stagingFolder(id, node.node));
      const snapshot = await readSnapshotManifest(folder);
      if (!snapshot) throw new Error(`the data of ${node.node} is not in ${folder}`);
      const own: NamedSource[] = [];
      for (const file of ['data.tar.gz', 'manifest.json']) {
        own.push({ path: `nodes/${node.node}/${file}`, source: await fileSource(join(folder, file)) });
      }
      const [archive, listing] = own.map(({ path, source: { sizeBytes, sha256 } }) => ({ path, sizeBytes, sha256 }));
      if (!archive || !listing) throw new Error('a snapshot has two files');
      backedUp.push({ ...node, createdAt: snapshot.createdAt, archive, listing });
      sources.push(...own);
    }
    const rebuild = isWhole
      ? await rebuildSources({ root, stateDir, specFile, topology, recipients: () => this.#recipients() })
      : undefined;
    const createdAt =
      backedUp.map((node) => node.createdAt).sort()[0] ?? new Date(this.#options.clock.wallMs()).toISOString();
    const manifest: BackupManifest = {
      formatVersion: 1,
      id,
      testnet,
      system,
      lab: topology.lab,
      createdAt,
      nodes: backedUp,
      ...(rebuild && { rebuild: rebuild.set }),
    };
    return { manifest, sources: [...sources, ...(rebuild?.sources ?? [])] };
  }

  /** Removes what waits in the staging folder for a backup. */
  async dropStaged(id: string): Promise<void> {
    await rm(join(this.#options.stateDir, 'staging', id), { recursive: true, force: true });
  }

  /** Every backup of the testnet in these targets, newest first; those that were cut off or are damaged among them. */
  async list(named: readonly string[] = [], signal?: AbortSignal): Promise<FoundBackup[]> {
    const found: FoundBackup[] = [];
    for (const target of await this.targets(named)) {
      found.push(...(await listBackups(target, this.#options.testnet, signal)));
    }
    return found.sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
  }

  /** The backup of this id, or the `newest` that suits, from the first target that has it. Refuses with the reason when none does. */
  async find(id: string, named: readonly string[] = [], options: ChooseOptions = {}): Promise<ChosenBackup> {
    const { chooseBackup } = await import('./find-backups.ts');
    return chooseBackup(await this.targets(named), this.#options.testnet, id, options);
  }

  /** Brings the data of nodes into the staging folder, all of it checked; refuses when a byte is not as it was stored. */
  async stage(
    manifest: BackupManifest,
    target: BackupTarget,
    nodes: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    const { testnet, stateDir } = this.#options;
    const folderOf = (node: string): string => join(stateDir, this.stagingFolder(manifest.id, node));
    await stageBackup({ target, base: `${testnet}/${manifest.id}`, manifest, nodes, folderOf, stateDir }, signal);
  }

  /** Puts back what the testnet is built from, but for its nodes' data; what is there already must be the same. */
  async rebuild(manifest: BackupManifest, target: BackupTarget, signal?: AbortSignal): Promise<void> {
    const { root, testnet, stateDir, specFile } = this.#options;
    const identities = (): Promise<string[]> => readIdentities(this.#identityFile);
    await placeRebuild(
      { target, base: `${testnet}/${manifest.id}`, manifest, root, stateDir, specFile, identities },
      signal,
    );
  }

  /** Removes what the testnet file no longer keeps, and what was cut off before the newest whole backup was taken. */
  async prune(named: readonly string[] = [], signal?: AbortSignal): Promise<{ id: string; target: string }[]> {
    const { testnet } = this.#options;
    const removed: { id: string; target: string }[] = [];
    for (const target of await this.targets(named)) {
      const found = await listBackups(target, testnet, signal);
      const newest =
        found
          .flatMap(({ id, manifest }) => (manifest ? [id] : []))
          .sort()
          .at(-1) ?? '';
      // A run that was cut off may still go on and finish what it began.
      const torn = found.flatMap(({ id, isUnfinished }) => (isUnfinished && id < newest ? [id] : []));
      for (const id of torn) await removeBackup(target, testnet, id, signal);
      const gone = [...torn, ...(await this.#prune(target, signal))];
      removed.push(...gone.map((id) => ({ id, target: target.name })));
    }
    return removed;
  }

  get #identityFile(): string {
    const { root, identityFile, env } = this.#options;
    return identityFile ?? env['SEATRIAL_BACKUP_IDENTITY'] ?? join(root, '.seatrial', 'backup-identity.txt');
  }

  async #recipients(): Promise<string[]> {
    const { encryptTo } = this.settings;
    if (encryptTo !== undefined) return Array.isArray(encryptTo) ? encryptTo : [encryptTo];
    const file = this.#identityFile;
    const { recipients, isNew } = await ownRecipients(file);
    if (isNew) {
      this.#options.notice(
        `made ${file}, with which the secrets in backups are read: keep a copy of it where neither this machine nor the backups are`,
      );
    }
    return recipients;
  }

  async #prune(target: BackupTarget, signal: AbortSignal | undefined): Promise<string[]> {
    const { keep } = this.settings;
    if (!keep) return [];
    const { testnet } = this.#options;
    const found = await listBackups(target, testnet, signal);
    // What cannot be understood may be somebody else's; it is named in the list and left alone.
    const readable = found.flatMap(({ id, manifest }) => (manifest ? [{ ...manifest, id }] : []));
    // One of some nodes is no stand-in for one that the whole testnet can be made from.
    const ofAll = readable.filter(({ rebuild }) => rebuild !== undefined);
    const ofSome = readable.filter(({ rebuild }) => rebuild === undefined);
    const gone = [ofAll, ofSome].flatMap((kind) => superfluous(kind, keep));
    for (const id of gone) await removeBackup(target, testnet, id, signal);
    return gone;
  }
}
