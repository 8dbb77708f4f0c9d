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
  name: 'failover',
  description: 'Drill: the leader, or a node, is killed; how long until another one does its work.',
  parameters: {
    node: { description: 'the node that is killed; leader: whoever leads then', default: 'first' },
    ttl: { description: 'life of the lease, after which another node may take over', default: '60s' },
    margin: { description: 'what a take-over may take beyond it', default: '10s' },
    window: { description: 'length of the window of good service', default: 'auto' },
    rto: { description: 'longest time to good service', default: 'testnet' },
    ...actionParameters,
  },
  plan({ nodes, gate, parameters, drills }) {
    const voters = nodes.filter(({ votingPower }) => votingPower > 0);
    const able = voters.length > 0 ? voters : nodes;
    if (able.length < 2) throw new UsageError('there is nobody to take over: the testnet has one node that could');
    const names = able.map(({ name }) => name);
    const { node: wanted = 'first' } = parameters;
    const node = wanted === 'first' ? (names[0] ?? '') : wanted;
    if (node !== 'leader' && !names.includes(node)) {
      throw new UsageError(`there is no node ${node} that could lead${didYouMean(node, names)}`);
    }
    const takeoverMs = durationOf(parameters['ttl'] ?? '', 'ttl') + durationOf(parameters['margin'] ?? '', 'margin', 0);
    const { windowMs, timeoutMs, targetsMs, rtoMs } = drillDefaults({ gate, parameters, drills });
    return {
      onFailure: 'hold',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'failover', forMs: windowMs },
        { kind: 'lose', id: 'kill', nodes: [node], data: 'keep' },
        { kind: 'takeover', id: 'take-over', timeoutMs: 2 * takeoverMs },
        { kind: 'service', id: 'without', timeoutMs },
        { kind: 'recover', id: 'recover', nodes: [node] },
        { kind: 'soak', id: 'together', nodes: nodes.map(({ name }) => name) },
      ],
      drill: {
        windowMs,
        ...actionItems(parameters),
        exercises: {
          failover: {
            title: node === 'leader' ? 'whoever leads is killed' : `${node} is killed`,
            objectives: { takeoverMs, rpoWrites: 0, ...(rtoMs !== undefined && { rtoMs }) },
            targetsMs,
          },
        },
      },
    };
  },
});
