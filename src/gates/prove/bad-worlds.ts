import type { GateCheck } from '../../spec/profile.ts';
import type { BadWorld, Tampering } from './bad-world.ts';
import type { WorldsInputs } from './worlds-inputs.ts';
import { logWorlds } from './log-worlds.ts';
import { profileWorlds } from './profile-worlds.ts';

/** Not a check of its own: the rule with which a gate answers restarts that nobody asked for. */
export const flapRule = 'flap';

/** All bad worlds that the gates of this testnet are shown. */
export function badWorlds(inputs: WorldsInputs): BadWorld[] {
  const own = inputs.profile.checks.filter(({ name }) => inputs.checks.some((check) => check.name === name));
  const worlds = [...nodeWorlds(inputs), ...logWorlds(inputs), ...profileWorlds(inputs, own)];
  const applied = new Set([...inputs.checks.map(({ name }) => name), flapRule]);
  return worlds
    .map((world) => ({ ...world, checks: world.checks.filter((check) => applied.has(check)) }))
    .filter(({ checks }) => checks.length > 0);
}

/** Why a check has no bad world that does harm, for people. */
export function whyWithoutHarm(check: GateCheck | undefined): string {
  const kind = check?.condition.kind;
  if (kind === 'value' || kind === 'json') return 'it has no limit that a value could pass';
  return 'there is no bad world for it';
}

function nodeWorlds({ topology, profile, hasLeader }: WorldsInputs): BadWorld[] {
  const all = topology.nodes.map(({ name }) => name);
  // What only one node may be wrong about is shown for one node of each role: with all of them wrong nobody could tell.
  const oneOfRole = [...Map.groupBy(topology.nodes, ({ role }) => role).values()].flatMap((nodes) => {
    const node = nodes.at(-1);
    return node ? [node.name] : [];
  });
  const { liveness, metrics, progress } = profile;
  const isStatus = (port: string, path: string): boolean =>
    !(port === liveness.port && path === liveness.path) && !(port === metrics?.port && path === metrics.path);
  const ofAll = (
    name: string,
    title: string,
    kind: BadWorld['kind'],
    checks: string[],
    tampering: () => Tampering,
    allowanceMs = 0,
  ): BadWorld => ({ name, title, kind, checks, nodes: all, allowanceMs, tampering });
  const ofOne = (name: string, title: string, check: string, tampering: Tampering): BadWorld[] =>
    oneOfRole.map((node) => ({
      name: oneOfRole.length > 1 ? `${name}/${node}` : name,
      title,
      kind: 'harm',
      checks: [check],
      nodes: [node],
      allowanceMs: 0,
      tampering: () => tampering,
    }));

  return [
    ofAll('old-binary', 'another program runs than the one that is meant', 'harm', ['identity'], () => ({
      observe: (seen) =>
        seen.identity ? { ...seen, identity: { ...seen.identity, digest: `sha256:${'0'.repeat(64)}` } } : seen,
    })),
    ofAll('other-flags', 'the program runs with an argument that nobody gave it', 'harm', ['identity'], () => ({
      observe: (seen) =>
        seen.identity
          ? { ...seen, identity: { ...seen.identity, command: [...seen.identity.command, '--unexpected'] } }
          : seen,
    })),
    ofAll('stopped', 'the nodes do not run', 'harm', ['identity'], () => ({
      observe: ({ node }) => ({ node, state: 'stopped', exitCode: 1 }),
    })),
    ofAll('restarting', 'the nodes restart over and over', 'harm', ['identity', flapRule], () => ({
      observe: (seen, { slot }) => ({
        ...seen,
        restartCount: (seen.restartCount ?? 0) + slot + 1,
        ...(seen.identity && { identity: { ...seen.identity, instance: `${seen.identity.instance}:again-${slot}` } }),
      }),
    })),
    ofAll('out-of-memory', 'the nodes were killed for want of memory', 'harm', ['out-of-memory'], () => ({
      observe: (seen) => ({ ...seen, wasOomKilled: true }),
    })),
    ...(hasLeader
      ? [
          ofAll('leader-changes', 'another node leads in every slot', 'harm', [flapRule], () => ({
            status: (status, { slot }) => ({ ...status, leader: `${status.leader ?? ''}-${slot}` }),
          })),
        ]
      : []),
    ofAll('lab-silent', 'the lab does not say what runs', 'blind', ['identity', 'out-of-memory'], () => ({
      observe: () => {
        throw new Error('the lab gives no answer in this world');
      },
    })),
    ofAll('no-answer', 'the nodes answer nobody', 'harm', ['liveness', 'quorum'], () => ({
      isRefused: ({ asks }) => asks.kind === 'node',
    })),
    ofAll(
      'status-gone',
      'the nodes are alive and say nothing of their work',
      'blind',
      ['version-claim', 'progress', 'catch-up', 'peers', 'same-hash', 'quorum'],
      () => ({ isRefused: ({ asks, url }) => asks.kind === 'node' && isStatus(asks.port, url.pathname) }),
    ),
    ofAll('wrong-version', 'the nodes claim to be another version', 'harm', ['version-claim'], () => ({
      status: (status) => ({ ...status, version: `${status.version ?? ''}-other` }),
    })),
    ofAll(
      'frozen-height',
      'the nodes answer for ever what they answered first',
      'harm',
      ['progress'],
      () => {
        const first = new Map<string, { status: number; text: string }>();
        return {
          answer: ({ request, asks, url }, answer) => {
            if (asks.kind !== 'node' || !isStatus(asks.port, url.pathname)) return answer;
            const key = `${request.method} ${request.url} ${request.body ?? ''}`;
            const known = first.get(key) ?? answer;
            first.set(key, known);
            return known;
          },
        };
      },
      progress?.maxStallMs ?? 0,
    ),
    ofAll('no-peers', 'the nodes have no peers', 'harm', ['peers'], () => ({
      status: (status) => ({ ...status, peers: 0 }),
    })),
    ...ofOne('lagging', 'a node is too far behind the others', 'catch-up', {
      status: (status) =>
        status.height === undefined ? status : { ...status, height: status.height - (progress?.maxLag ?? 0) - 100 },
    }),
    ...ofOne('wrong-hash', 'a node holds other blocks than the others', 'same-hash', {
      block: ({ height, hashes }) => ({
        height,
        hashes: Object.fromEntries(Object.keys(hashes).map((name) => [name, 'f'.repeat(64)])),
      }),
    }),
  ];
}
