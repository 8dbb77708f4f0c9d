import { UsageError } from '../../core/errors.ts';
import { gateProfile, scrapeIntervalMs } from '../../gates/profiles.ts';
import type { GateProfileName } from '../../spec/testnet.ts';
import type { Project } from '../project.ts';

/**
 * The same testnet under another gate, for one run. Throws UsageError where Prometheus, which scrapes at the pace of the file's own gate, is too
 * slow for it.
 */
export function withGate(project: Project, gate: GateProfileName | undefined): Project {
  const { spec } = project.loaded;
  if (gate === undefined || gate === spec.gate) return project;
  const [pace, needed] = [spec.gate, gate].map((name) => scrapeIntervalMs(gateProfile(name)));
  if (spec.monitoring !== false && (pace ?? 0) > (needed ?? 0)) {
    throw new UsageError(
      `--gate ${gate} needs samples every ${(needed ?? 0) / 1000} s, and the Prometheus of ${project.name} takes one every ${(pace ?? 0) / 1000} s; set gate: ${gate} in its file instead`,
    );
  }
  return { ...project, topology: async (wanted, signal) => ({ ...(await project.topology(wanted, signal)), gate }) };
}
