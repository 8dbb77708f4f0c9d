import { complainOfAttached } from './attached.ts';
import { SpecError, type SpecProblem } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { LoadedSpec } from './load.ts';
import type { FlagValue, SystemProfile } from './profile.ts';
import { maxNodes, type NodeSettings } from './testnet.ts';

/** A node as the testnet file wants it: role defaults and overrides merged. */
export interface SpecNode {
  name: string;
  role: string;
  index: number;
  version: string;
  flags: Record<string, FlagValue>;
  env: Record<string, string>;
  memoryMb?: number;
  cpus?: number;
}

/**
 * Expands a testnet file against its system's profile: nodes are named `<role>-<n>` from 0. Throws a SpecError with every
 * reference that does not hold: unknown roles, releases and nodes, and settings that the lab cannot honour.
 */
export function expandNodes(loaded: LoadedSpec, profile: SystemProfile): SpecNode[] {
  const { spec, document } = loaded;
  const problems: SpecProblem[] = [];
  const complain = (message: string, path: PropertyKey[], at: 'key' | 'value' = 'value'): void => {
    problems.push({ message, path: path.join('.'), position: document.position(path, at) });
  };
  const checkVersion = (version: string, path: PropertyKey[]): void => {
    // What nodes of others run is theirs to say; the file says what they are to claim.
    if (spec.lab !== 'attached' && !Object.hasOwn(spec.releases, version)) {
      complain(`unknown release ${version}${didYouMean(version, Object.keys(spec.releases))}`, path);
    }
  };

  checkVersion(spec.version, ['version']);
  const nodes: SpecNode[] = [];
  const roles = Object.entries(spec.nodes).map(([role, value]) => ({
    role,
    settings: typeof value === 'number' ? { count: value } : value,
  }));
  for (const { role, settings } of roles) {
    const known = Object.hasOwn(profile.roles, role) ? profile.roles[role] : undefined;
    if (!known) {
      complain(
        `${profile.name} has no role ${role}${didYouMean(role, Object.keys(profile.roles))}`,
        ['nodes', role],
        'key',
      );
      continue;
    }
    if (settings.version !== undefined) checkVersion(settings.version, ['nodes', role, 'version']);
    for (let n = 0; n < (settings.count ?? known.defaultCount); n++) {
      const name = `${role}-${n}`;
      nodes.push(merge({ name, role, index: nodes.length, version: spec.version }, settings, spec.overrides?.[name]));
    }
  }
  if (nodes.length === 0 && problems.length === 0) complain('the testnet has no nodes', ['nodes']);
  if (nodes.length > maxNodes) complain(`${nodes.length} nodes; the most is ${maxNodes}`, ['nodes']);

  const names = nodes.map((node) => node.name);
  for (const [name, settings] of Object.entries(spec.overrides ?? {})) {
    if (!names.includes(name))
      complain(`there is no node ${name}${didYouMean(name, names)}`, ['overrides', name], 'key');
    if (settings.version !== undefined) checkVersion(settings.version, ['overrides', name, 'version']);
  }
  for (const [version, release] of Object.entries(spec.releases)) {
    const needsImages = 'image' in release || ('build' in release && release.build.dockerfile !== undefined);
    if (spec.lab === 'process' && needsImages) {
      complain(`release ${version} is an image, which the process lab cannot run; give a program, or set lab: docker`, [
        'releases',
        version,
      ]);
    }
    if ('build' in release && release.build.dockerfile === undefined && !profile.build) {
      complain(
        `the system ${profile.name} does not say how a program is built; give a program, an image or a dockerfile`,
        ['releases', version],
      );
    }
  }
  if (spec.lab === 'process' && spec.monitoring !== false) {
    complain(
      'monitoring runs in containers; the process lab’s gates scrape the nodes directly. Remove it, or set lab: docker',
      ['monitoring'],
      'key',
    );
  }
  if (spec.lab !== 'process' && spec.links !== undefined) {
    complain(
      'links are those of the process lab; containers have a network of their own. Remove it, or set lab: process',
      ['links'],
      'key',
    );
  }
  if (spec.lab === 'process') complainOfContainerSettings(loaded, complain);
  complainOfAttached(loaded, profile, nodes, complain);
  if (problems.length > 0) throw new SpecError(problems);
  return nodes;
}

/** Plain processes have no limits and listen on loopback; a setting that would be ignored is refused. */
function complainOfContainerSettings(
  { spec }: LoadedSpec,
  complain: (message: string, path: PropertyKey[], at?: 'key' | 'value') => void,
): void {
  if (spec.bind !== '127.0.0.1') {
    complain('nodes on the process lab listen on 127.0.0.1 alone; remove bind, or set lab: docker', ['bind']);
  }
  const groups: Record<string, Record<string, number | NodeSettings>> = {
    nodes: spec.nodes,
    overrides: spec.overrides ?? {},
  };
  for (const [group, entries] of Object.entries(groups)) {
    for (const [name, settings] of Object.entries(entries)) {
      if (typeof settings === 'number') continue;
      for (const limit of ['memoryMb', 'cpus'] as const) {
        if (settings[limit] === undefined) continue;
        complain(`the process lab sets no limits; remove ${limit}, or set lab: docker`, [group, name, limit], 'key');
      }
    }
  }
}

function merge(
  base: Pick<SpecNode, 'name' | 'role' | 'index' | 'version'>,
  ...layers: (NodeSettings | undefined)[]
): SpecNode {
  const node: SpecNode = { ...base, flags: {}, env: {} };
  for (const layer of layers) {
    if (!layer) continue;
    if (layer.version !== undefined) node.version = layer.version;
    if (layer.memoryMb !== undefined) node.memoryMb = layer.memoryMb;
    if (layer.cpus !== undefined) node.cpus = layer.cpus;
    Object.assign(node.flags, layer.flags);
    Object.assign(node.env, layer.env);
  }
  return node;
}
