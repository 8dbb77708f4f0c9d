import {
  actionItems,
  actionParameters,
  defineRunbook,
  didYouMean,
  drillDefaults,
  UsageError,
  type RunbookStage,
} from '../src/index.ts';

export default defineRunbook({
  name: 'bad-release',
  description: 'Drill: a bad release is begun while a node is cut off; it must be caught and taken back.',
  parameters: {
    version: { description: 'the bad release, as named in the testnet file' },
    node: { description: 'the node that gets it; auto: one without voting power, else the first', default: 'auto' },
    cut: { description: 'the node that is cut off meanwhile: last, a name, or none', default: 'last' },
    window: { description: 'length of the window of good service', default: 'auto' },
    rto: { description: 'longest time to good service', default: 'testnet' },
    ...actionParameters,
  },
  plan({ nodes, releases, gate, parameters, drills }) {
    const { version = '', node: wanted = 'auto', cut: wantedCut = 'last' } = parameters;
    if (!releases.includes(version)) throw new UsageError(`unknown release ${version}${didYouMean(version, releases)}`);
    const names = nodes.map(({ name }) => name);
    const voters = nodes.filter(({ votingPower }) => votingPower > 0);
    const cut = wantedCut === 'last' ? (voters.at(-1) ?? nodes.at(-1))?.name : wantedCut;
    const others = nodes.filter(({ name }) => name !== cut);
    const auto = (others.find(({ votingPower }) => votingPower === 0) ?? others[0])?.name;
    const node = wanted === 'auto' ? auto : wanted;
    for (const name of [node, ...(cut === 'none' ? [] : [cut])]) {
      if (name === undefined || !names.includes(name)) {
        throw new UsageError(`there is no node ${name ?? 'left'}${didYouMean(name ?? '', names)}`);
      }
    }
    if (node === cut) {
      throw new UsageError(`${node} is cut off then, and no gate could judge its change; choose another node or cut`);
    }
    if (nodes.find(({ name }) => name === node)?.version === version) {
      throw new UsageError(`${node} runs ${version} already: there is nothing to take it back to`);
    }
    const { windowMs, pauseMs, timeoutMs, targetsMs, rtoMs } = drillDefaults({ gate, parameters, drills });
    const partition: RunbookStage = {
      kind: 'fault',
      id: 'partition',
      fault: {
        kind: 'partition',
        targets: [cut ?? ''],
        parameters: { topology: 'isolate' },
        // It lasts until the heal; without anybody to extend it, no longer than this.
        durationMs: pauseMs,
      },
    };
    const beside = cut === 'none' ? '' : ` while ${cut} is cut off`;
    return {
      ...(cut !== 'none' && { instead: 'or leave the cut out: --set cut=none' }),
      onFailure: 'rollback',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'bad-release', forMs: windowMs },
        ...(cut === 'none' ? [] : [partition]),
        { kind: 'change', id: 'upgrade', changes: [{ node: node ?? '', version }] },
        ...(cut === 'none' ? [] : [{ kind: 'heal' as const, id: 'heal', fault: 'partition' }]),
        { kind: 'service', id: 'service', timeoutMs },
      ],
      drill: {
        windowMs,
        ...actionItems(parameters),
        expects: 'rolled-back',
        exercises: {
          'bad-release': {
            title: `${node} gets the bad release ${version}${beside}`,
            objectives: { rpoWrites: 0, ...(rtoMs !== undefined && { rtoMs }) },
            targetsMs,
          },
        },
      },
    };
  },
});
