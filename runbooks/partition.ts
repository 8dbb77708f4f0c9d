import { actionItems, actionParameters, defineRunbook, drillDefaults, durationOf } from '../src/index.ts';

/** Topologies that are about one node, or a few, and not about the network. */
const aboutOne = ['isolate', 'deaf', 'mute', 'bridge'];

export default defineRunbook({
  name: 'partition',
  description: 'Drill: the network falls apart; the larger side goes on, the other stops, and both agree afterwards.',
  parameters: {
    topology: { description: 'how it falls apart, as for the fault partition', default: 'isolate' },
    nodes: {
      description: 'whom the topology is about, separated by commas; auto: the last that votes, where it is about one',
      default: 'auto',
    },
    groups: { description: 'for topology=groups: who is with whom, as 2|2|1 or a,b|c', default: 'none' },
    halt: { description: 'whether it may take the quorum away', default: 'refused', values: ['refused', 'allowed'] },
    for: { description: 'how long it stays so', default: 'auto' },
    window: { description: 'length of the window of good service', default: 'auto' },
    rto: { description: 'longest time to good service', default: 'testnet' },
    ...actionParameters,
  },
  plan({ nodes, gate, parameters, drills }) {
    const voters = nodes.filter(({ votingPower }) => votingPower > 0);
    const last = (voters.at(-1) ?? nodes.at(-1))?.name ?? '';
    const { topology = '', nodes: chosen = 'auto', groups = 'none', halt = '', for: length = 'auto' } = parameters;
    const auto = aboutOne.includes(topology) ? [last] : [];
    const targets = chosen === 'auto' ? auto : chosen.split(',').map((name) => name.trim());
    const given = { topology, ...(groups !== 'none' && { groups }), ...(halt === 'allowed' && { halt }) };
    const { windowMs, timeoutMs, targetsMs, rtoMs } = drillDefaults({ gate, parameters, drills });
    // Long enough to see who goes on and who stands still.
    const forMs = length === 'auto' ? Math.max(15_000, windowMs) : durationOf(length, 'for');
    return {
      onFailure: 'hold',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'partition', forMs: windowMs },
        {
          kind: 'fault',
          id: 'partition',
          fault: { kind: 'partition', targets, parameters: given, durationMs: forMs },
        },
        { kind: 'hold', id: 'apart', forMs, expects: 'computed' },
        { kind: 'heal', id: 'heal', fault: 'partition' },
        { kind: 'service', id: 'service', timeoutMs },
      ],
      drill: {
        windowMs,
        ...actionItems(parameters),
        exercises: {
          partition: {
            title: `the network falls apart (${[topology, ...(groups === 'none' ? targets : [groups])].join(' ')})`,
            objectives: { rpoWrites: 0, ...(rtoMs !== undefined && { rtoMs }) },
            targetsMs,
          },
        },
      },
    };
  },
});
