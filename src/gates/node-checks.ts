import type { SystemProfile } from '../spec/profile.ts';
import type { IntendedNode } from './identity-check.ts';
import { heightOf, type SlotFacts } from './slot-facts.ts';
import { bad, unknown, type Sample } from './verdict.ts';

/** Judges one node in one slot; undefined when the check does not apply in it. May remember: sees every slot, in order. */
export type SlotJudge = (facts: SlotFacts) => Sample | undefined;

export type ProgressLimits = NonNullable<SystemProfile['progress']>;

/** The system takes memory back by killing: what was killed so is BAD, whoever started it again. */
export function outOfMemoryJudge(node: string): SlotJudge {
  return ({ reading }) => {
    const observation = reading.nodes[node]?.observation;
    if (!observation) return unknown('slot-missed');
    if (!observation.ok) return unknown('query-error', observation.error);
    const { wasOomKilled } = observation.value;
    if (wasOomKilled === undefined) return unknown('empty', `the lab does not say whether ${node} ran out of memory`);
    return wasOomKilled ? bad(`${node} was killed for want of memory`) : { state: 'OK' };
  };
}

export function livenessJudge(node: string): SlotJudge {
  return ({ reading }) => {
    const seen = reading.nodes[node];
    if (!seen) return unknown('slot-missed');
    if (seen.liveness.ok) return { state: 'OK' };
    const why = `no answer: ${seen.liveness.error ?? 'unknown'}`;
    return seen.liveness.mayBeSlow ? unknown('no-answer-yet', why) : bad(why);
  };
}

/** The node's own claim must be the version that was meant. Without an intention any claim will do. */
export function versionClaimJudge(node: string, intended: IntendedNode | undefined): SlotJudge {
  return ({ reading }) => {
    const status = reading.nodes[node]?.status;
    if (!status) return unknown('slot-missed');
    if (!status.ok) return unknown('query-error', status.error);
    const { version } = status.value;
    if (version === undefined) return unknown('empty', `${node} does not say which version it is`);
    if (intended && version !== intended.version) {
      return bad(`${node} says that it is ${version}, ${intended.version} was meant`);
    }
    return { state: 'OK' };
  };
}

/** The height must rise. A node is given `maxStallMs` from the first time it is seen. */
export function progressJudge(node: string, { maxStallMs }: ProgressLimits): SlotJudge {
  let last: { height: number; roseAtMonoMs: number } | undefined;
  return (facts) => {
    const { monoMs, nodes } = facts.reading;
    const status = nodes[node]?.status;
    if (facts.network.availability === 'halt-allowed' && facts.leftOutBeside(node) > 0) {
      // The system halts by design while another node is changed; its stall is not this node's.
      last = undefined;
      return undefined;
    }
    if (!status) return unknown('slot-missed');
    if (!status.ok) return unknown('query-error', status.error);
    const { height } = status.value;
    if (height === undefined) return unknown('empty', `${node} does not say its height`);
    const before = last;
    if (!before || height !== before.height) last = { height, roseAtMonoMs: monoMs };
    if (before && height < before.height) return bad(`height fell from ${before.height} to ${height}`, height);
    const stalledMs = monoMs - (last?.roseAtMonoMs ?? monoMs);
    if (stalledMs <= maxStallMs) return { state: 'OK', value: height };
    return bad(
      `height ${height} has not risen for ${seconds(stalledMs)} s, ${seconds(maxStallMs)} s are allowed`,
      height,
    );
  };
}

/** The node must keep up with the highest of the others. */
export function catchUpJudge(node: string, { maxLag }: ProgressLimits): SlotJudge {
  return (facts) => {
    const seen = facts.reading.nodes[node];
    if (!seen) return unknown('slot-missed');
    if (!seen.status.ok) return unknown('query-error', seen.status.error);
    const height = heightOf(seen);
    if (height === undefined) return unknown('empty', `${node} does not say its height`);
    const highest = facts.highestBeside(node);
    if (highest === undefined) return unknown('vacuous', 'no other node says its height');
    const lag = Math.max(0, highest - height);
    if (seen.status.value.catchingUp) return bad(`${node} says that it is catching up, ${lag} behind`, lag);
    return lag <= maxLag ? { state: 'OK', value: lag } : bad(`height ${height} is ${lag} behind ${highest}`, lag);
  };
}

export function peersJudge(node: string, limits: ProgressLimits): SlotJudge {
  return (facts) => {
    const status = facts.reading.nodes[node]?.status;
    if (!status) return unknown('slot-missed');
    if (!status.ok) return unknown('query-error', status.error);
    const { peers } = status.value;
    if (peers === undefined) return unknown('empty', `${node} does not say its peers`);
    const wanted = limits.minPeers(facts.network.nodes.length - facts.leftOutBeside(node));
    return peers >= wanted ? { state: 'OK', value: peers } : bad(`${peers} peers, ${wanted} are wanted`, peers);
  };
}

/** At equal heights the node must hold what most hold. With as many on either side nobody can say who is right: BAD. */
export function sameHashJudge(node: string): SlotJudge {
  return (facts) => {
    let result: Sample = unknown('vacuous', 'no height that another node has as well');
    for (const { comparison, keyByNode, votes } of facts.blocks) {
      const answer = comparison.nodes[node];
      if (!answer) continue;
      if (!answer.ok) {
        if (result.state === 'UNKNOWN') result = unknown('query-error', answer.error);
        continue;
      }
      const own = keyByNode.get(node);
      if (own === undefined || keyByNode.size < 2) continue;
      const agreeing = votes.get(own) ?? 0;
      for (const [other, count] of votes) {
        if (other !== own && count >= agreeing) {
          return bad(`at height ${comparison.height} ${node} holds ${difference(own, other)}, as ${count} others do`);
        }
      }
      result = { state: 'OK', value: comparison.height };
    }
    return result;
  };
}

/** The hashes in which two nodes differ, short enough to be read: "app 4b85… and not aeaa…". */
function difference(own: string, other: string): string {
  const others = new Map(hashesOf(other));
  return hashesOf(own)
    .filter(([name, hash]) => others.get(name) !== hash)
    .map(([name, hash]) => `${name} ${shortHash(hash)} and not ${shortHash(others.get(name) ?? 'none')}`)
    .join(', ');
}

function hashesOf(key: string): [name: string, hash: string][] {
  return Object.entries(JSON.parse(key) as Record<string, string>);
}

function shortHash(hash: string): string {
  return hash.length > 16 ? `${hash.slice(0, 12)}…` : hash;
}

function seconds(durationMs: number): number {
  return Math.round(durationMs / 100) / 10;
}
