import { actionItems, actionParameters, defineRunbook, didYouMean, UsageError } from '../src/index.ts';

export default defineRunbook({
  name: 'corrupt-backup',
  description: 'Drill: copies of a backup are spoiled; a restore must refuse each, and nothing be touched.',
  parameters: {
    node: { description: 'the node whose backup it is', default: 'last' },
    ...actionParameters,
  },
  plan({ nodes, parameters }) {
    const names = nodes.map(({ name }) => name);
    const node = parameters['node'] === 'last' ? names.at(-1) : parameters['node'];
    if (node === undefined || !names.includes(node)) {
      throw new UsageError(`there is no node ${node ?? ''}${didYouMean(node ?? '', names)}`);
    }
    return {
      onFailure: 'hold',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'corrupt-backup', forMs: 2_000 },
        { kind: 'take-backup', id: 'backup', nodes: [node] },
        { kind: 'spoiled-backup', id: 'spoil', node },
      ],
      drill: {
        ...actionItems(parameters),
        exercises: {
          'corrupt-backup': { title: `a backup of ${node} is spoiled`, objectives: { rpoWrites: 0 } },
        },
      },
    };
  },
});
