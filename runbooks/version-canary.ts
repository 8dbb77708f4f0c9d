import {
  defineRunbook,
  didYouMean,
  durationOf,
  UsageError,
  type RunbookNode,
  type RunbookPlan,
  type RunbookStage,
} from '../src/index.ts';

/** `2` nodes, or `25%` of them, rounded up; never all. */
function canarySize(text: string, nodeCount: number): number {
  const [, amount, percent] = /^(\d+)(%?)$/.exec(text) ?? [];
  const size = percent === '%' ? Math.ceil((Number(amount) / 100) * nodeCount) : Number(amount);
  if (amount === undefined || size < 1)
    throw new UsageError(`canary cannot be "${text}": it is a number of nodes, or a share such as 25%`);
  if (size >= nodeCount)
    throw new UsageError(`a canary of ${size} of ${nodeCount} nodes leaves none to compare it with`);
  return size;
}

/** Others have changed the nodes, or will: who runs the release is compared with who does not. */
function onlyCompared(
  nodes: readonly RunbookNode[],
  version: string,
  { calibrate = '', soak = '' }: Readonly<Record<string, string>>,
): RunbookPlan {
  const canary = nodes.flatMap(({ name, version: now }) => (now === version ? [name] : []));
  const control = nodes.flatMap(({ name, version: now }) => (now === version ? [] : [name]));
  if (control.length === 0) throw new UsageError(`every node runs ${version}: there is none to compare it with`);
  return {
    stages: [
      { kind: 'calibrate', id: 'calibrate', nodes: canary, control, forMs: durationOf(calibrate, 'calibrate') },
      { kind: 'compare', id: 'compare', nodes: canary, control, forMs: durationOf(soak, 'soak'), after: 'calibrate' },
      { kind: 'soak', id: 'soak', nodes: canary },
    ],
    onFailure: 'hold',
  };
}

export default defineRunbook({
  name: 'version-canary',
  description:
    'Bring one node or a share of them to a release, watch and compare it with the rest, then go on or go back.',
  parameters: {
    version: { description: 'the release to try, as named in the testnet file' },
    canary: { description: 'nodes that try it: a number, or a share such as 25%', default: '1' },
    observe: { description: 'nodes that are compared but never changed, separated by commas', default: 'none' },
    calibrate: { description: 'time in which errors are counted before anything is changed', default: '10m' },
    soak: { description: 'time in which the canary is watched and compared', default: '30m' },
    confirm: { description: 'ask before the rest follows', default: 'no', values: ['no', 'yes'] },
    'confirm-within': { description: 'time to confirm; without an answer the canary goes back', default: '24h' },
    change: {
      description: 'no: the nodes that run the release already are the canary; nothing is changed, only compared',
      default: 'yes',
      values: ['yes', 'no'],
    },
    rollout: { description: 'bring the rest to the release afterwards', default: 'yes', values: ['yes', 'no'] },
  },
  plan({ nodes, releases, parameters }) {
    const { version = '', canary = '1', observe = 'none', confirm, rollout } = parameters;
    if (!releases.includes(version)) throw new UsageError(`unknown release ${version}${didYouMean(version, releases)}`);
    const names = nodes.map(({ name }) => name);
    const observed = observe === 'none' ? [] : observe.split(',').map((name) => name.trim());
    for (const name of observed) {
      if (!names.includes(name)) throw new UsageError(`there is no node ${name}${didYouMean(name, names)}`);
    }
    if (parameters['change'] === 'no') return onlyCompared(nodes, version, parameters);
    const ours = nodes
      .filter(({ name, version: now }) => !observed.includes(name) && now !== version)
      .sort((a: RunbookNode, b: RunbookNode) => a.startOrder - b.startOrder);
    if (ours.length === 0) throw new UsageError(`every node that may be changed runs ${version} already`);
    const size = canarySize(canary, nodes.length);
    const tried = ours.slice(0, size);
    const rest = ours.slice(size);
    const triedNames = tried.map(({ name }) => name);
    const control = names.filter((name) => !triedNames.includes(name));
    const [calibrateMs, soakMs] = [
      durationOf(parameters['calibrate'] ?? '', 'calibrate'),
      durationOf(parameters['soak'] ?? '', 'soak'),
    ];
    const change = (id: string, chosen: readonly RunbookNode[]): RunbookStage => ({
      kind: 'change',
      id,
      changes: chosen.map(({ name }) => ({ node: name, version })),
    });
    const stages: RunbookStage[] = [
      { kind: 'calibrate', id: 'calibrate', nodes: triedNames, control, forMs: calibrateMs },
      change('canary', tried),
      { kind: 'compare', id: 'compare', nodes: triedNames, control, forMs: soakMs, after: 'calibrate' },
      { kind: 'soak', id: 'soak', nodes: triedNames },
      ...(confirm === 'yes' && rollout === 'yes' && rest.length > 0
        ? [
            {
              kind: 'approval' as const,
              id: 'confirm',
              question: `${triedNames.join(', ')} does well with ${version}; bring ${rest.map(({ name }) => name).join(', ')} there too?`,
              timeoutMs: durationOf(parameters['confirm-within'] ?? '', 'confirm-within'),
            },
          ]
        : []),
      ...(rollout === 'yes' && rest.length > 0 ? [change('rest', rest)] : []),
    ];
    return { stages, onFailure: 'rollback' };
  },
});
