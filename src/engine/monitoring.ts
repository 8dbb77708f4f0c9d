import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { messageOf, SpecError } from '../core/errors.ts';
import { gateProfile, scrapeIntervalMs } from '../gates/profiles.ts';
import type { LoadedSpec } from '../spec/load.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Allocation } from '../topology/allocation.ts';
import { addressIn } from '../topology/build-topology.ts';
import { buildMonitoring, type UserFile } from '../topology/monitoring/build-monitoring.ts';
import { checkMonitoringFiles } from '../topology/monitoring/check-files.ts';
import { monitoringServices, type MonitoringService } from '../topology/monitoring/services.ts';
import { ensurePassword } from '../topology/secrets.ts';
import type { MonitoringTopology, Topology } from '../topology/topology.ts';

interface MonitoringOfInputs {
  topology: Topology;
  loaded: LoadedSpec;
  profile: SystemProfile;
  allocation: Allocation;
  images: MonitoringTopology['images'];
  signal?: AbortSignal | undefined;
}

/** Resolves the monitoring of a testnet, the user's own files read and checked. */
export async function monitoringOf(inputs: MonitoringOfInputs): Promise<MonitoringTopology> {
  const { topology, loaded, profile, allocation, images, signal } = inputs;
  const settings = typeof loaded.spec.monitoring === 'object' ? loaded.spec.monitoring : {};
  const read = (files: string[] | undefined, key: string): Promise<UserFile[]> =>
    Promise.all((files ?? []).map((file, index) => readUserFile(loaded, file, ['monitoring', key, index])));
  const user = {
    rules: await read(settings.rules, 'rules'),
    dashboards: await read(settings.dashboards, 'dashboards'),
    ...(settings.alertmanager !== undefined && {
      alertmanager: (await readUserFile(loaded, settings.alertmanager, ['monitoring', 'alertmanager'])).content,
    }),
  };
  await checkMonitoringFiles({ user, signal });
  const byService = <T>(value: (service: MonitoringService) => T): Record<MonitoringService, T> =>
    Object.fromEntries(monitoringServices.map((service) => [service, value(service)])) as Record<MonitoringService, T>;
  return buildMonitoring({
    testnet: topology.testnet,
    nodes: topology.nodes,
    profile,
    ports: byService((service) => allocation.ports[`monitoring/${service}`] ?? 0),
    addresses: byService((service) => addressIn(allocation.subnet ?? '', allocation.hosts[service] ?? 0)),
    images,
    scrapeIntervalMs: scrapeIntervalMs(gateProfile(topology.gate)),
    user,
    grafanaPasswordFile: await ensurePassword(topology.stateDir, 'grafana'),
  });
}

/** The user's own rule files as file name → content. Throws SpecError for one that cannot be read. */
export async function userRules(loaded: LoadedSpec): Promise<Record<string, string>> {
  const { monitoring } = loaded.spec;
  const files = (typeof monitoring === 'object' ? monitoring.rules : undefined) ?? [];
  const read = await Promise.all(
    files.map((file, index) => readUserFile(loaded, file, ['monitoring', 'rules', index])),
  );
  return Object.fromEntries(read.map(({ name, content }) => [name, content]));
}

async function readUserFile(loaded: LoadedSpec, file: string, path: PropertyKey[]): Promise<UserFile> {
  try {
    return { name: basename(file), content: await readFile(resolve(dirname(loaded.file), file), 'utf8') };
  } catch (cause) {
    const problem = {
      message: `${file} cannot be read: ${messageOf(cause)}`,
      position: loaded.document.position(path),
    };
    throw new SpecError([problem], { cause });
  }
}
