import { SpecError } from '../../core/errors.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import { systemRulesFile } from '../../topology/monitoring/build-monitoring.ts';
import type { Topology } from '../../topology/topology.ts';
import { gateProfile } from '../profiles.ts';
import type { Finding } from './finding.ts';
import { lintChecks } from './lint-checks.ts';
import { lintRules, writtenRules } from './lint-rules.ts';

export interface WrittenGates {
  gate: Topology['gate'];
  /** Rule files as file name → content. */
  rules?: Readonly<Record<string, string>> | undefined;
}

/** Everything that can be said of a testnet's checks and rules before anything runs. */
export function lintWritten(profile: SystemProfile, { gate, rules = {} }: WrittenGates): Finding[] {
  const files = {
    ...(profile.alertRules !== undefined && { [systemRulesFile(profile)]: profile.alertRules }),
    ...rules,
  };
  return [...lintChecks(profile), ...lintRules(writtenRules(files), profile.checks, gateProfile(gate))];
}

/** Throws SpecError with every error that the linter finds before anything runs: a gate with such a check would prove nothing. */
export function requireSoundGates(profile: SystemProfile, { gate, monitoring }: Topology): void {
  const errors = lintWritten(profile, { gate, rules: monitoring?.rules }).filter(({ level }) => level === 'error');
  if (errors.length > 0) throw new SpecError(errors.map(({ where, text }) => ({ message: `${where}: ${text}` })));
}
