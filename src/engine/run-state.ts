import { isDeepStrictEqual } from 'node:util';
import type { ArmedLease, FaultRecord } from '../journal/fault-records.ts';
import type { FlagSettings, RunEvent, RunRecord, RunStart } from '../journal/records.ts';
import { changeWanted, type Wanted } from '../topology/desired.ts';

type Intent = RunEvent & { type: 'intent' };
type EffectIntent = RunEvent & { type: 'effect.intent' };

/** A feature that the run has switched on for a time. */
export interface HeldSwitch {
  step: string;
  node: string;
  toggle: string;
  leaseId: string;
  on: boolean;
  ttlMs: number;
  /** Wall time at which the node ends it by itself at the latest, as told by this machine's clock. */
  untilMs: number;
}

/** A fault that the run has begun, or was about to begin, and has not ended. */
export interface OpenFault {
  id: string;
  /** The step that begins it. */
  step: string;
  /** `meant`: whether anything was armed is not known. */
  phase: 'meant' | 'armed' | 'injected' | 'verified';
  leases: ArmedLease[];
  impaired: string[];
  /** Wall time of the newest record of it. */
  atMs: number;
}

/** What one node is to run. */
interface NodeWanted {
  version: string | undefined;
  flags: FlagSettings | undefined;
}

function nodeIn({ versions, flags }: Wanted, node: string): NodeWanted {
  return { version: versions[node], flags: flags?.[node] };
}

/** A node before a change of it. */
interface Unchanged {
  version: string | undefined;
  flags: FlagSettings | undefined;
  touchedAtMs: number | undefined;
  wasPassed: boolean;
  wasChanged: boolean;
  wasStopped: boolean;
}

/** Facts of an effect, as they stand in the journal. */
export type EffectDetail = Record<string, string | number | boolean>;

/** What somebody was asked. */
export interface Approval {
  /** Wall time. */
  deadlineAtMs: number;
  decision?: 'approved' | 'rejected' | 'timed-out';
  by?: string;
}

/**
 * How far a run has come: what its journal adds up to. The run that is under way and the one that goes on after a crash follow the
 * same records, so that they know the same.
 */
export class RunState {
  /** What the nodes were to run before the run. */
  readonly before: Wanted;
  /** What they are to run, as far as the run has come. */
  wanted: Wanted;
  /** Nodes that were made or replaced, in the order of the first touch. */
  readonly changed: string[] = [];
  /** Steps that were begun, whether they came to their end or not. */
  readonly begun = new Set<string>();
  /** Steps that are over. */
  readonly done = new Set<string>();
  /** Changes without an end, by node. */
  readonly open = new Map<string, Intent>();
  /** How things stood before an open change, by node: it may turn out that nothing was done. */
  readonly #unchanged = new Map<string, Unchanged>();
  /** Wall time of the newest intent, by node. */
  readonly touchedAtMs = new Map<string, number>();
  /** Nodes whose gate has passed since they were last touched. */
  readonly passed = new Set<string>();
  readonly brokenBefore = new Set<string>();
  readonly switches = new Map<string, HeldSwitch>();
  /** Faults that may act, by their ids. */
  readonly faults = new Map<string, OpenFault>();
  /** Faults that were healed, while nobody has shown yet that they are over; with the step that began each. */
  readonly unproven = new Map<string, string>();
  /** Steps whose fault was void. */
  readonly voided = new Map<string, string>();
  /** Nodes that the run has stopped and not started again. */
  readonly stopped = new Set<string>();
  /** Of those, nodes whose own data the run has removed; what they have now, if anything, is a backup's. */
  readonly wiped = new Set<string>();
  /** What each node held when it was last stopped: a height, and hashes there. */
  readonly heads = new Map<string, EffectDetail>();
  /** Copies of the data that nodes had before the run. */
  readonly snapshots = new Map<string, EffectDetail>();
  /** Copies for a backup, by step; see `take-backup` stages. */
  readonly backedUp = new Map<string, EffectDetail>();
  /** Wall time at which nodes got the data of a backup, by `<step>/<node>`; they were stopped then. */
  readonly putBack = new Map<string, number>();
  /** Of these, the ones that wait for their turn to start: earlier they could part from the newest data. */
  readonly heldBack = new Set<string>();
  /** Nodes that have that data again. */
  readonly restored = new Set<string>();
  /** Time that the snapshots took, in ms. */
  snapshotsTookMs = 0;
  /** Effects without an end, by node and effect. */
  readonly openEffects = new Map<string, EffectIntent>();
  readonly approvals = new Map<string, Approval>();
  /** Evidence that holds what a node promised before the run touched it, by node. */
  readonly contracts = new Map<string, string>();
  readonly choices = new Map<string, string | number>();
  rollback: { reason: string; nodes: string[]; targets: ReadonlyMap<string, NodeWanted> } | undefined;
  /** What each node ran when a gate of it passed last. */
  readonly #good = new Map<string, NodeWanted>();
  finalised: string | undefined;
  abortedBy: string | undefined;
  /** Highest fencing token of the run. */
  token = 0;
  gates = 0;
  /** The gate without a verdict, and the evidence that it has stored so far. */
  openGate: { gate: string; step: string; nodes: string[]; segments: string[] } | undefined;
  resumes = 0;
  /** Wall time at which the run began. */
  startedAtMs = 0;

  constructor(before: Wanted, records: readonly RunRecord[] = []) {
    this.before = before;
    this.wanted = before;
    for (const record of records) this.add(record);
  }

  add(record: RunRecord): void {
    switch (record.type) {
      case 'run.started':
        this.startedAtMs = Date.parse(record.at);
        break;
      case 'run.resumed':
        this.resumes++;
        // Traffic is offered anew, and looked for at the end.
        this.done.delete('load');
        this.done.delete('ledger');
        break;
      case 'lease.taken':
        this.token = record.token;
        break;
      case 'preflight.found':
        for (const node of record.broken) this.brokenBefore.add(node);
        break;
      case 'contract.seen':
        for (const node of record.nodes) this.contracts.set(node, record.evidence);
        break;
      case 'step.started':
        this.begun.add(record.step);
        break;
      case 'step.done':
        this.done.add(record.step);
        break;
      case 'intent':
        this.#intend(record, Date.parse(record.at));
        break;
      case 'done':
        this.open.delete(record.node);
        break;
      case 'observed':
        if (record.verdict === 'absent' && this.open.get(record.node)?.action === record.action) {
          this.#forgetIntent(record.node);
        }
        break;
      case 'gate.started':
        this.gates++;
        this.openGate = { gate: record.gate, step: record.step, nodes: record.nodes, segments: [] };
        break;
      case 'gate.segment':
        if (this.openGate?.gate === record.gate) this.openGate.segments.push(record.evidence);
        break;
      case 'gate.verdict':
        if (this.openGate?.gate === record.gate) this.openGate = undefined;
        if (record.verdict.kind !== 'PASS') break;
        for (const node of record.nodes) {
          this.passed.add(node);
          this.#good.set(node, nodeIn(this.wanted, node));
        }
        break;
      case 'rollback.started':
        this.rollback = {
          reason: record.reason,
          nodes: record.nodes,
          targets: new Map(record.nodes.map((node) => [node, this.#backTarget(node)])),
        };
        break;
      case 'effect.intent':
        this.openEffects.set(`${record.node}/${record.effect}`, record);
        // What may have been switched must be cleared, whether its end was written or not.
        if (record.effect === 'switch') this.#hold(record, Date.parse(record.at));
        if (record.effect === 'kill') this.stopped.add(record.node);
        if (record.effect === 'wipe') this.#noteWiped(record.node);
        if (record.effect === 'stop') {
          this.stopped.add(record.node);
          this.heads.set(record.node, record.detail);
        }
        break;
      case 'effect.done':
        this.openEffects.delete(`${record.node}/${record.effect}`);
        if (record.effect === 'clear') this.switches.delete(`${record.node}/${String(record.detail['toggle'])}`);
        if (record.effect === 'start') this.#noteStarted(record.node);
        if (record.effect === 'restore') this.#noteRestored(record, Date.parse(record.at));
        if (record.effect === 'snapshot' && record.detail['backup'] !== undefined) {
          this.backedUp.set(record.step, record.detail);
        } else if (record.effect === 'snapshot') {
          this.snapshots.set(record.node, record.detail);
          this.snapshotsTookMs += record.tookMs;
        }
        break;
      case 'choice':
        this.choices.set(`${record.step}/${record.name}`, record.value);
        break;
      case 'approval.requested':
        this.approvals.set(record.step, { deadlineAtMs: record.deadlineAtMs });
        break;
      case 'approval.decided': {
        const asked = this.approvals.get(record.step);
        if (asked) Object.assign(asked, { decision: record.decision, by: record.by });
        break;
      }
      case 'fault.intent':
      case 'fault.armed':
      case 'fault.injected':
      case 'fault.verified':
      case 'fault.void':
      case 'fault.healed':
      case 'fault.heal-verified':
        this.#followFault(record, Date.parse(record.at));
        break;
      case 'abort.requested':
        this.abortedBy = record.by;
        break;
      case 'finalised':
        this.finalised = record.step;
        break;
      case 'run.finished':
        // An abort that could not be followed ended the run; whoever goes on with it all the same wants it to go on.
        if (!this.rollback) this.abortedBy = undefined;
        break;
      default:
    }
  }

  /** What is wanted when these nodes go back; as a rule to where they were before the run. */
  wantedBack(nodes: readonly string[]): Wanted {
    const versions = { ...this.wanted.versions };
    const flags = { ...this.wanted.flags };
    for (const node of nodes) {
      const target = this.rollback?.targets.get(node) ?? this.#backTarget(node);
      if (target.version !== undefined) versions[node] = target.version;
      if (target.flags) flags[node] = target.flags;
      else delete flags[node];
    }
    return { versions, ...(Object.keys(flags).length > 0 && { flags }) };
  }

  /** Nodes that the run stopped in order to change them, and may not have come to change; those whose data was put back are none. */
  leftStopped(): string[] {
    return [...this.open.values()]
      .filter(({ action, node }) => action === 'replace' && this.#unchanged.get(node)?.wasStopped)
      .map(({ node }) => node)
      .filter((node) => !this.restored.has(node));
  }

  /** Nodes that faults keep from their work now. */
  get impaired(): Set<string> {
    return new Set([...this.faults.values()].flatMap(({ impaired }) => impaired));
  }

  #followFault(record: FaultRecord, atMs: number): void {
    const { fault: id, step } = record;
    const open = this.faults.get(id);
    switch (record.type) {
      case 'fault.intent': {
        const { leases, impaired } = record;
        this.faults.set(id, { id, step, phase: 'meant', leases, impaired, atMs });
        this.voided.delete(step);
        break;
      }
      case 'fault.armed':
      case 'fault.injected':
      case 'fault.verified':
        if (open) Object.assign(open, { phase: record.type.slice('fault.'.length), atMs });
        break;
      case 'fault.void':
        this.voided.set(step, record.reason);
        break;
      case 'fault.healed':
        this.faults.delete(id);
        this.unproven.set(id, step);
        break;
      case 'fault.heal-verified':
        this.unproven.delete(id);
        break;
      default:
    }
  }

  #noteRestored({ step, node, detail }: RunEvent & { type: 'effect.done' }, atMs: number): void {
    if (detail['backup'] === undefined) {
      this.restored.add(node);
      return;
    }
    this.putBack.set(`${step}/${node}`, atMs);
    if (detail['together'] === true) this.heldBack.add(node);
  }

  #noteWiped(node: string): void {
    this.wiped.add(node);
    // What an end before this one gave back is gone again.
    for (const key of this.putBack.keys()) if (key.endsWith(`/${node}`)) this.putBack.delete(key);
    this.restored.delete(node);
    this.heldBack.delete(node);
  }

  #noteStarted(node: string): void {
    this.stopped.delete(node);
    this.wiped.delete(node);
    this.heldBack.delete(node);
    const before = this.#unchanged.get(node);
    if (before) before.wasStopped = false;
  }

  /** What was before the run; where just that has failed, what worked last: an old program may not read what a new one wrote. */
  #backTarget(node: string): NodeWanted {
    const before = nodeIn(this.before, node);
    const good = this.#good.get(node);
    const isBefore = (other: NodeWanted): boolean => isDeepStrictEqual(other, before);
    return good && isBefore(nodeIn(this.wanted, node)) && !isBefore(good) ? good : before;
  }

  #intend(intent: Intent, atMs: number): void {
    const { node, action, toVersion } = intent;
    this.#unchanged.set(node, {
      version: this.wanted.versions[node],
      flags: this.wanted.flags?.[node],
      touchedAtMs: this.touchedAtMs.get(node),
      wasPassed: this.passed.has(node),
      wasChanged: this.changed.includes(node),
      wasStopped: this.stopped.has(node),
    });
    this.open.set(node, intent);
    this.touchedAtMs.set(node, atMs);
    this.passed.delete(node);
    this.heldBack.delete(node);
    // Whatever replaces a node starts it.
    this.stopped.delete(node);
    if (action === 'remove') return;
    if (!this.changed.includes(node)) this.changed.push(node);
    if (this.rollback?.nodes.includes(node)) this.wanted = this.wantedBack([node]);
    else this.wanted = changeWanted(this.wanted, [{ node, version: toVersion, flags: intent.flags }]);
  }

  /** The change was meant and never begun. */
  #forgetIntent(node: string): void {
    const before = this.#unchanged.get(node);
    this.open.delete(node);
    if (!before) return;
    const { version, touchedAtMs, wasPassed, wasChanged, wasStopped } = before;
    const versions = { ...this.wanted.versions };
    if (version !== undefined) versions[node] = version;
    const flags = { ...this.wanted.flags };
    if (before.flags) flags[node] = before.flags;
    else delete flags[node];
    this.wanted = { versions, ...(Object.keys(flags).length > 0 && { flags }) };
    if (touchedAtMs === undefined) this.touchedAtMs.delete(node);
    else this.touchedAtMs.set(node, touchedAtMs);
    if (wasPassed) this.passed.add(node);
    if (wasStopped) this.stopped.add(node);
    if (!wasChanged && this.changed.includes(node)) this.changed.splice(this.changed.indexOf(node), 1);
  }

  #hold({ step, node, detail }: EffectIntent, atMs: number): void {
    const [toggle, leaseId] = [String(detail['toggle']), String(detail['leaseId'])];
    const ttlMs = Number(detail['ttlMs']);
    const held = { step, node, toggle, leaseId, on: detail['on'] === true, ttlMs, untilMs: atMs + ttlMs };
    this.switches.set(`${node}/${toggle}`, held);
  }
}

/** What a run's journal says that it began with. Journals of runs that cannot go on have no such evidence. */
export function isRunStart(value: unknown): value is RunStart {
  return typeof value === 'object' && value !== null && 'specHash' in value && 'before' in value && 'releases' in value;
}
