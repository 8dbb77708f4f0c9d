import { containerName } from '../../topology/container.ts';
import { labels } from '../labels.ts';
import type { NodeIdentity, NodeObservation } from '../lab.ts';
import { hasProcess, type ContainerFacts, type FoundContainer } from './owned-container.ts';

/** What an inspection says about a node. */
export function observationOf(testnet: string, node: string, found: FoundContainer): NodeObservation {
  if (found.state === 'absent') return { node, state: 'absent' };
  if (found.state === 'foreign') {
    const detail = `container ${containerName(testnet, node)} exists without the labels of this node`;
    return { node, state: 'foreign', detail };
  }
  const { facts } = found;
  const base = { node, restartCount: facts.RestartCount, wasOomKilled: facts.State.OOMKilled };
  if (hasProcess(facts)) {
    // A paused container also says that it is running.
    return { ...base, state: facts.State.Paused ? 'paused' : 'running', identity: identityOf(facts) };
  }
  const detail = stoppedDetail(facts);
  return {
    ...base,
    state: 'stopped',
    ...(facts.State.Status === 'created' ? {} : { exitCode: facts.State.ExitCode }),
    ...(detail === undefined ? {} : { detail }),
  };
}

function identityOf(facts: ContainerFacts): NodeIdentity {
  return {
    digest: facts.Image,
    // The engine reports a missing command as null.
    command: facts.Config.Cmd ?? [],
    generation: facts.Config.Labels[labels.generation] ?? '',
    startedAtMs: Date.parse(facts.State.StartedAt),
    instance: `${facts.Id}:${facts.State.StartedAt}`,
    pid: facts.State.Pid > 0 ? facts.State.Pid : undefined,
    containerId: facts.Id,
  };
}

function stoppedDetail(facts: ContainerFacts): string | undefined {
  if (facts.State.Restarting) {
    return `it ended with exit code ${facts.State.ExitCode}; the engine is about to restart it (restart ${facts.RestartCount})`;
  }
  return facts.State.Error === '' ? undefined : `the engine could not start it: ${facts.State.Error}`;
}
