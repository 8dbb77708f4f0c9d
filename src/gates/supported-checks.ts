import type { SystemProfile } from '../spec/profile.ts';
import type { GateCheck } from '../spec/profile.ts';
import { alertJudge } from './alert-judge.ts';
import { logJudge } from './log-judge.ts';
import { directMetricJudge, jsonJudge, prometheusMetricJudge } from './metric-judges.ts';
import {
  catchUpJudge,
  livenessJudge,
  outOfMemoryJudge,
  peersJudge,
  progressJudge,
  sameHashJudge,
  versionClaimJudge,
  type SlotJudge,
} from './node-checks.ts';
import type { IntendedNode } from './identity-check.ts';
import type { NetworkFacts } from './slot-facts.ts';

export interface CheckInfo {
  name: string;
  source: 'probe' | 'lab' | GateCheck['source'];
  critical: boolean;
  advisory: boolean;
  /** Judges the network, not one node. */
  isNetworkWide: boolean;
}

export interface NodeCheck extends CheckInfo {
  /** Absent for `identity` and `quorum`, which the gate itself keeps, because they decide phases and stop conditions too. */
  judgeFor?: (node: string, intended: IntendedNode | undefined) => SlotJudge;
}

export interface SupportedChecks {
  checks: NodeCheck[];
  /** What a gate on this system cannot look at, and why. */
  leftOut: { name: string; reason: string }[];
}

export interface CheckSetting {
  network: NetworkFacts;
  hasPrometheus: boolean;
  /** Length of the gate's window, over which ratios are taken. */
  windowMs: number;
}

/** The checks that this profile allows on this network, and those that it does not. */
export function supportedChecks(profile: SystemProfile, setting: CheckSetting): SupportedChecks {
  const { network, hasPrometheus, windowMs } = setting;
  const checks: NodeCheck[] = [];
  const leftOut: SupportedChecks['leftOut'] = [];
  const { progress } = profile;
  const isAlone = network.nodes.length < 2;
  const noLimits = 'the profile says nothing of progress';
  const alone = 'there is no other node';

  add('identity', true);
  add('liveness', true, (node) => livenessJudge(node));
  add('version-claim', true, (node, intended) => versionClaimJudge(node, intended));
  if (progress) {
    add('progress', false, (node) => progressJudge(node, progress));
    if (isAlone) skip('catch-up', alone);
    else add('catch-up', false, (node) => catchUpJudge(node, progress));
    if (isAlone) skip('peers', alone);
    else add('peers', false, (node) => peersJudge(node, progress));
  } else {
    for (const name of ['progress', 'catch-up', 'peers']) skip(name, noLimits);
  }
  if (!profile.blockAt) skip('same-hash', 'the profile cannot ask for a block');
  else if (isAlone) skip('same-hash', alone);
  else add('same-hash', true, (node) => sameHashJudge(node));
  if (network.quorum === 'none') skip('quorum', 'every node is for itself');
  else add('quorum', true, undefined, true);

  if (network.lab === 'docker') add('out-of-memory', true, (node) => outOfMemoryJudge(node));
  else skip('out-of-memory', 'this lab does not tell what was killed for want of memory');
  const { logErrors } = profile;
  if (logErrors && network.lab === 'attached') skip('log-errors', 'the logs of nodes of others cannot be read');
  else if (logErrors) add('log-errors', logErrors.critical ?? false, (node) => logJudge(node, logErrors, windowMs));

  for (const check of profile.checks) {
    const { name, critical = false, advisory = false, source } = check;
    if ((source === 'prometheus' || source === 'alerts') && !hasPrometheus) {
      skip(name, 'no Prometheus runs');
    } else if (source === 'direct' && !profile.metrics) {
      skip(name, 'the profile names no metrics endpoint');
    } else {
      const judgeFor = (node: string): SlotJudge => judgeOf(node, check);
      checks.push({ name, source, critical, advisory, isNetworkWide: false, judgeFor });
    }
  }
  return { checks, leftOut };

  function judgeOf(node: string, check: GateCheck): SlotJudge {
    switch (check.source) {
      case 'direct':
        return directMetricJudge(node, check, windowMs);
      case 'prometheus':
        return prometheusMetricJudge(node, check, windowMs);
      case 'json':
        return jsonJudge(node, check);
      case 'alerts':
        return alertJudge(node, check, profile.metrics !== undefined);
    }
  }

  function add(name: string, critical: boolean, judgeFor?: NodeCheck['judgeFor'], isNetworkWide = false): void {
    const source = name === 'out-of-memory' || name === 'log-errors' ? 'lab' : 'probe';
    const advisory = name === 'log-errors' && profile.logErrors?.advisory === true;
    const info: CheckInfo = { name, source, critical, advisory, isNetworkWide };
    checks.push(judgeFor ? { ...info, judgeFor } : info);
  }

  function skip(name: string, reason: string): void {
    leftOut.push({ name, reason });
  }
}
