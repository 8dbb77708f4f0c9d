import { RefusedError, UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';
import type { RunbookStage } from '../runbook.ts';

/**
 * A plan that names what is not there would end half-way. `traffic`: see `offeredTraffic`. Throws UsageError for nodes that do not exist and ids that are
 * there twice, RefusedError('unsupported') for features that the system lacks and for stages that need traffic where there is none.
 */
export function requireUsable(
  stages: readonly RunbookStage[],
  topology: Topology,
  profile: SystemProfile,
  traffic: true | string,
): void {
  const names = topology.nodes.map(({ name }) => name);
  const toggles = Object.keys(profile.toggles ?? {});
  const ids = new Set<string>();
  for (const stage of stages) {
    if (ids.has(stage.id)) throw new UsageError(`the plan has two stages with the id ${stage.id}`);
    ids.add(stage.id);
    for (const node of nodesOf(stage)) {
      if (node === 'leader' && (stage.kind === 'lose' || stage.kind === 'recover')) continue;
      if (!names.includes(node)) throw new UsageError(`there is no node ${node}${didYouMean(node, names)}`);
    }
    if (stage.kind === 'baseline' && traffic !== true) {
      throw new RefusedError('unsupported', `the drill ${stage.drill} measures the service by its traffic: ${traffic}`);
    }
    if (stage.kind === 'slo' && traffic !== true) {
      throw new RefusedError(
        'unsupported',
        `the step ${stage.id} watches the share of traffic that is acknowledged: ${traffic}`,
      );
    }
    if (!('toggle' in stage) || toggles.includes(stage.toggle)) continue;
    const hint = toggles.length === 0 ? '' : didYouMean(stage.toggle, toggles);
    throw new RefusedError(
      'unsupported',
      `${profile.title} has no feature ${stage.toggle} that can be switched${hint}`,
    );
  }
}

function nodesOf(stage: RunbookStage): string[] {
  if (stage.kind === 'change') return stage.changes.map(({ node }) => node);
  return [
    ...('node' in stage ? [stage.node] : []),
    ...('nodes' in stage ? (stage.nodes ?? []) : []),
    ...('control' in stage ? stage.control : []),
    ...('expects' in stage && typeof stage.expects === 'object'
      ? [...(stage.expects.goOn ?? []), ...(stage.expects.standStill ?? [])]
      : []),
  ];
}
