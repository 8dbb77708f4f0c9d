import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { exitCode } from '../../core/exit-code.ts';
import { didYouMean } from '../../core/nearest.ts';
import { RefusedError, UsageError } from '../../core/errors.ts';
import { readJsonFile } from '../../core/files.ts';
import { isAlive } from '../../core/process-identity.ts';
import type { LockOwner } from '../../engine/lock.ts';
import { userRules } from '../../engine/monitoring.ts';
import { prometheusUrlOf, readDeployedTopology, stateFolder } from '../../engine/state.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import type { Finding } from '../../gates/lint/finding.ts';
import { gateProfile } from '../../gates/profiles.ts';
import type { GateProof } from '../../gates/prove/proof.ts';
import type { VerdictKind } from '../../gates/verdict.ts';
import type { GateProfileName } from '../../spec/testnet.ts';
import { openNamedProject } from '../change.ts';
import { lintText, proofText, replayText } from '../gates-text.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson } from '../output.ts';
import { pastTime } from '../past-time.ts';
import { resolveReference } from '../root.ts';
import { openDeployed } from '../testnet.ts';

const proofCodes: Record<GateProof['verdict'], number> = {
  proven: exitCode.pass,
  'not-proven': exitCode.failed,
  inconclusive: exitCode.inconclusive,
};

/** `seatrial gates prove <testnet>`: shows every check of the testnet's gate its bad worlds; nothing on the testnet is touched. */
export async function prove(name: string, options: { json?: boolean }): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { topology, profile, lab } = await openDeployed(name);
    try {
      await tellOfRun(topology.stateDir);
      const { proveGates } = await import('../../gates/prove/prove-gates.ts');
      const proof = await proveGates({
        topology,
        profile,
        lab,
        clock: systemClock,
        prometheusUrl: prometheusUrlOf(topology),
        signal: interrupt.signal,
        onProgress: (shown, of) => tell(`shown ${shown} of ${of} bad worlds`, shown > 0 && shown < of),
      });
      if (options.json) printJson(proof);
      else print(proofText(proof));
      return proofCodes[proof.verdict];
    } finally {
      await lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

/** `seatrial gates lint <testnet>`: finds checks and rules that could never tell; what runs is looked at where something runs. */
export async function lint(name: string, options: { json?: boolean }): Promise<number> {
  const { lintWritten } = await import('../../gates/lint/lint-gates.ts');
  const reference = resolveReference(name);
  const deployed = await readDeployedTopology(stateFolder(reference.root, reference.name));
  const findings: Finding[] = [];
  if (deployed) {
    const { lintRunning } = await import('../../gates/lint/lint-running.ts');
    const { topology, profile, lab } = await openDeployed(name);
    try {
      const transport = httpTransport(systemClock);
      const prometheusUrl = prometheusUrlOf(topology);
      findings.push(...lintWritten(profile, { gate: topology.gate, rules: topology.monitoring?.rules }));
      findings.push(...(await lintRunning({ topology, profile, lab, transport, prometheusUrl })));
    } finally {
      await lab.close();
    }
  } else {
    const project = await openNamedProject(name);
    const rules = await userRules(project.loaded);
    findings.push(...lintWritten(project.profile, { gate: project.loaded.spec.gate, rules }));
  }
  const errors = findings.filter(({ level }) => level === 'error').length;
  if (options.json) printJson({ testnet: reference.name, isRunning: deployed !== undefined, errors, findings });
  else print(lintText(reference.name, findings, deployed !== undefined));
  return errors > 0 ? exitCode.failed : exitCode.pass;
}

export interface ReplayCommandOptions {
  from: string;
  to: string;
  nodes?: string[];
  gate?: GateProfileName;
  json?: boolean;
}

const verdictCodes: Record<VerdictKind, number> = {
  PASS: exitCode.pass,
  FAIL: exitCode.failed,
  HOLD: exitCode.inconclusive,
  INCONCLUSIVE: exitCode.inconclusive,
};

/** `seatrial gates replay <testnet>`: what a gate would have said of a time that is over, from what Prometheus holds of it. */
export async function replay(name: string, options: ReplayCommandOptions): Promise<number> {
  const nowMs = systemClock.wallMs();
  const [fromMs, toMs] = [pastTime(options.from, nowMs), pastTime(options.to, nowMs)];
  const interrupt = interruptSignal();
  try {
    const { topology, profile, lab } = await openDeployed(name);
    try {
      const prometheusUrl = prometheusUrlOf(topology);
      if (prometheusUrl === undefined) {
        throw new RefusedError('unsupported', `${name} has no Prometheus, and without one nobody remembers its past`);
      }
      const known = topology.nodes.map((node) => node.name);
      const unknown = options.nodes?.find((node) => !known.includes(node));
      if (unknown !== undefined) throw new UsageError(`there is no node ${unknown}${didYouMean(unknown, known)}`);
      const { replayGate } = await import('../../gates/replay/replay-gate.ts');
      const result = await replayGate({
        ...{ topology, profile, prometheusUrl, fromMs, toMs, clock: systemClock, signal: interrupt.signal },
        ...(options.nodes && { nodes: options.nodes }),
        ...(options.gate && { timings: gateProfile(options.gate) }),
      });
      if (options.json) printJson(result);
      else print(replayText(result));
      return verdictCodes[result.verdict.kind];
    } finally {
      await lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

/** A run that is under way makes bad slots of its own. */
async function tellOfRun(stateDir: string): Promise<void> {
  const owner = await readJsonFile<LockOwner>(join(stateDir, 'lock.json'));
  if (!owner || !(await isAlive(owner))) return;
  tell(`${owner.purpose} (pid ${owner.pid}) is changing this testnet now; what is seen may be its doing`);
}

/** `isPassing`: only worth a line on a terminal. */
function tell(text: string, isPassing = false): void {
  if (isPassing && !process.stderr.isTTY) return;
  process.stderr.write(`${text}\n`);
}
