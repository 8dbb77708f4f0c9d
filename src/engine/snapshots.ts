import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { LabError, messageOf, RefusedError } from '../core/errors.ts';
import { waitFor } from '../core/wait.ts';
import { storeEvidence } from '../journal/evidence.ts';
import type { ObserveVerdict, RunEvent } from '../journal/records.ts';
import type { Lab } from '../lab/lab.ts';
import { readSnapshotManifest } from '../lab/snapshot-manifest.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';
import type { Effects } from './effects.ts';
import { StepError } from './ending/outcome.ts';
import type { EffectDetail, RunState } from './run-state.ts';

/** What a snapshot takes beyond the data itself: its manifest, and headers of many small files. */
const spareBytes = 16 * 1024 * 1024;
const hashPrefix = 'hash.';
const proofTimeoutMs = 30_000;

export interface SnapshotsOptions {
  runId: string;
  runDir: string;
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  clock: Clock;
  state: RunState;
  effects: Effects;
  clients: ReadonlyMap<string, ProbeClient>;
  record(event: RunEvent): Promise<void>;
}

/** Copies of nodes' data, taken before a run changes them and put back when it takes that back. */
export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /**
   * Stops a node that this run has not changed yet and copies its data; the node stays stopped. Throws RefusedError('unsafe'), with
   * nothing touched, when the disk has no room for it.
   */
  async take(step: string, name: string, signal: AbortSignal): Promise<void> {
    const { state, lab, runId } = this.#options;
    // What was changed already holds no data of the release to go back to.
    if (state.changed.includes(name)) return;
    const { state: found } = await lab.observe(this.#node(name), { signal });
    if (found === 'stopped' && state.stopped.has(name) && state.snapshots.has(name)) return;
    await this.copy(step, name, { folder: `snapshots/${runId}/${name}` }, signal);
  }

  /**
   * Stops a node and copies its data into `folder`, which is relative to the state folder; the node stays stopped. `about` stands in the
   * journal beside it.
   */
  async copy(step: string, name: string, about: EffectDetail & { folder: string }, signal: AbortSignal): Promise<void> {
    const { state, effects, lab, profile, topology } = this.#options;
    const { folder } = about;
    const node = this.#node(name);
    const { state: found } = await lab.observe(node, { signal });
    if (found !== 'stopped' || !state.stopped.has(name)) {
      await this.#requireRoom(step, name, signal);
      await effects.stop(step, name, signal, await this.#headOf(name));
    }
    // One that was taken before the node ran on is worth nothing any more.
    await rm(join(topology.stateDir, folder), { recursive: true, force: true });
    const { height, ...hashes } = state.heads.get(name) ?? {};
    const { digest } = node.release;
    const detail = { ...about, digest, ...(height !== undefined && { height }), ...hashes };
    await effects.snapshot(step, name, detail, signal, async (stopped) => {
      const target = join(topology.stateDir, folder);
      const options = { system: profile.name, signal, ...(typeof height === 'number' && { height }) };
      const { archive } = await lab.snapshot(stopped, target, options);
      return { sha256: archive.sha256, sizeBytes: archive.sizeBytes };
    });
  }

  /** Stops a node and puts the data back that it had before the run; nothing where no snapshot of it was taken. Done once. */
  async putBack(step: string, name: string, signal: AbortSignal): Promise<void> {
    const { state, effects, lab, profile, topology } = this.#options;
    const taken = state.snapshots.get(name);
    if (!taken || state.restored.has(name)) return;
    await effects.stop(step, name, signal);
    await effects.restore(step, name, taken, signal, async (stopped) => {
      const folder = join(topology.stateDir, String(taken['folder']));
      await lab.restore(stopped, folder, { system: profile.name, sha256: String(taken['sha256']), signal });
    });
  }

  /**
   * That nodes whose data was put back hold, at the snapshot's height, the very hashes that were seen there before the run. Throws
   * StepError when one does not, or does not tell.
   */
  async prove(step: string, names: readonly string[], signal: AbortSignal): Promise<void> {
    const { state, record } = this.#options;
    for (const name of names) {
      const taken = state.restored.has(name) ? state.snapshots.get(name) : undefined;
      if (!taken) continue;
      const height = taken['height'];
      const hashes = hashesIn(taken);
      if (typeof height === 'number' && Object.keys(hashes).length > 0) {
        await this.proveAt(step, name, { height, hashes }, signal);
        continue;
      }
      const text = `the data of ${name} was put back, which cannot be proven: no hash was known when it was copied`;
      await record({ type: 'note', level: 'warning', text });
    }
  }

  /** How far a snapshot or a restore came whose end was not written down. A restore leaves no mark: it is done again. */
  async observe(
    intent: RunEvent & { type: 'effect.intent' },
  ): Promise<{ verdict: ObserveVerdict; found?: EffectDetail }> {
    if (intent.effect === 'restore') return { verdict: 'partial' };
    const folder = join(this.#options.topology.stateDir, String(intent.detail['folder']));
    const manifest = await readSnapshotManifest(folder);
    if (!manifest) return { verdict: 'absent' };
    const { sha256, sizeBytes } = manifest.archive;
    return { verdict: 'complete', found: { sha256, sizeBytes } };
  }

  /** That a node holds these hashes at this height. Throws StepError when it does not, or does not tell. */
  async proveAt(
    step: string,
    node: string,
    { height, hashes: recorded }: { height: number; hashes: Record<string, string> },
    signal: AbortSignal,
  ): Promise<void> {
    const { profile, clients, clock, record, runDir } = this.#options;
    const client = clients.get(node);
    let found: Record<string, string> = {};
    let problem: string | undefined;
    try {
      found = await waitFor(async () => (client && (await profile.blockAt?.(client, height)))?.hashes, {
        clock,
        what: `${node} to tell its hash at height ${height}`,
        timeoutMs: proofTimeoutMs,
        intervalMs: 500,
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      problem = messageOf(error);
    }
    const differing = Object.keys(recorded).filter((name) => found[name] !== recorded[name]);
    const verdict = problem !== undefined ? 'inconclusive' : differing.length > 0 ? 'fail' : 'pass';
    const reason =
      problem ??
      (differing.length > 0
        ? `at height ${height} ${node} has ${differing.map((name) => `${name} ${found[name] ?? 'none'}, not ${recorded[name]}`).join('; ')}`
        : `${node} has at height ${height} the hashes that were seen there when it was copied`);
    const evidence = await storeEvidence(runDir, { node, height, recorded, found });
    await record({ type: 'finding', step, finding: 'restore', nodes: [node], verdict, reason, evidence });
    if (verdict !== 'pass') throw new StepError([node], verdict, `the restore is not proven: ${reason}`);
  }

  /** A height that the node has and what it holds there; what it does not tell is left out. */
  async #headOf(name: string): Promise<EffectDetail> {
    const { profile, clients } = this.#options;
    const client = clients.get(name);
    try {
      const height = client && (await profile.probe(client)).height;
      if (!client || height === undefined) return {};
      const block = await profile.blockAt?.(client, height).catch(() => undefined);
      const hashes = Object.entries(block?.hashes ?? {}).map(
        ([hash, value]) => [`${hashPrefix}${hash}`, value] as const,
      );
      return { height, ...Object.fromEntries(hashes) };
    } catch {
      // A node that is broken is copied as it is.
      return {};
    }
  }

  async #requireRoom(step: string, name: string, signal: AbortSignal): Promise<void> {
    const { lab, topology, record } = this.#options;
    let sizeBytes: number | undefined;
    try {
      sizeBytes = await lab.dataSizeBytes(this.#node(name), { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const text = `how large the data of ${name} is cannot be told: ${messageOf(error)}`;
      await record({ type: 'note', level: 'warning', text });
    }
    if (sizeBytes === undefined) return;
    const { bavail, bsize } = await statfs(topology.stateDir);
    const freeBytes = bavail * bsize;
    const wantedBytes = Math.ceil(sizeBytes * 1.05) + spareBytes;
    if (freeBytes >= wantedBytes) return;
    const reason = `the data of ${name} takes ${mib(sizeBytes)}, and ${topology.stateDir} has ${mib(freeBytes)} free, of which its snapshot may need ${mib(wantedBytes)}`;
    await record({ type: 'step.refused', step, reason });
    throw new RefusedError('unsafe', `${reason}. Make room, for one by removing old snapshots there`);
  }

  #node(name: string): Topology['nodes'][number] {
    const { topology } = this.#options;
    const node = topology.nodes.find((candidate) => candidate.name === name);
    if (node) return node;
    throw new LabError(`${name} is not in the topology of ${topology.testnet}`, { details: { node: name } });
  }
}

export function hashesIn(detail: EffectDetail): Record<string, string> {
  const hashes = Object.entries(detail).filter(([name]) => name.startsWith(hashPrefix));
  return Object.fromEntries(hashes.map(([name, value]) => [name.slice(hashPrefix.length), String(value)]));
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
