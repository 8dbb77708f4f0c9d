import {
  actionItems,
  actionParameters,
  defineRunbook,
  didYouMean,
  drillDefaults,
  durationOf,
  UsageError,
} from '../src/index.ts';

export default defineRunbook({
  name: 'node-loss',
  description: 'Drill: a node is gone, with or without its disk, and comes back.',
  parameters: {
    node: { description: 'the node that is lost', default: 'last' },
    disk: { description: 'whether its data survive', default: 'wipe', values: ['wipe', 'keep'] },
    'down-for': { description: 'time before anybody starts it again', default: 'auto' },
    window: { description: 'length of the window of good service', default: 'auto' },
    rto: { description: 'longest time to good service', default: 'testnet' },
    ...actionParameters,
  },
  plan({ nodes, gate, parameters, drills }) {
    const names = nodes.map(({ name }) => name);
    const voters = nodes.filter(({ votingPower }) => votingPower > 0);
    const node = parameters['node'] === 'last' ? (voters.at(-1) ?? nodes.at(-1))?.name : parameters['node'];
    if (node === undefined || !names.includes(node)) {
      throw new UsageError(`there is no node ${node ?? ''}${didYouMean(node ?? '', names)}`);
    }
    const { windowMs, pauseMs, timeoutMs, targetsMs, rtoMs } = drillDefaults({ gate, parameters, drills });
    const disk = parameters['disk'] === 'keep' ? 'keep' : 'wipe';
    const downFor = parameters['down-for'] ?? 'auto';
    return {
      onFailure: 'hold',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'node-loss', forMs: windowMs },
        { kind: 'lose', id: 'lose', nodes: [node], data: disk },
        { kind: 'takeover', id: 'go-on-without', timeoutMs },
        {
          kind: 'soak',
          id: 'without',
          nodes: names.filter((name) => name !== node),
          forMs: downFor === 'auto' ? pauseMs : durationOf(downFor, 'down-for'),
        },
        { kind: 'recover', id: 'recover', nodes: [node] },
        { kind: 'service', id: 'service', timeoutMs, servedBy: [node] },
      ],
      drill: {
        windowMs,
        ...actionItems(parameters),
        exercises: {
          'node-loss': {
            title: disk === 'wipe' ? `${node} is gone with its disk` : `${node} is gone, its disk is not`,
            objectives: { rpoWrites: 0, ...(rtoMs !== undefined && { rtoMs }) },
            targetsMs,
          },
        },
      },
    };
  },
});
