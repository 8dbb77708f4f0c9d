import { chaosStages, defineRunbook } from '../src/index.ts';

export default defineRunbook({
  name: 'chaos',
  description: 'A random sequence of faults and changes of releases under traffic; no acknowledged write may be lost.',
  parameters: {
    seed: { description: 'the sequence; random: another one each time', default: 'random', isSeed: true },
    for: { description: 'how long it takes, at least', default: '5m' },
    steps: { description: 'of that sequence only these, by their numbers', default: 'all' },
    kinds: {
      description: 'kinds of faults; auto: all that the lab can do, that cost no data and that last; none',
      default: 'auto',
    },
    versions: {
      description: 'releases that nodes are moved between; auto: those without a suffix; none',
      default: 'auto',
    },
    hold: { description: 'the longest that a fault lasts; the shortest is half of it', default: '10s' },
    halt: {
      description: 'whether faults may take the quorum away',
      default: 'refused',
      values: ['refused', 'allowed'],
    },
  },
  plan: (context) => ({
    // What failed is left as it is, to be looked at.
    onFailure: 'hold',
    isForward: false,
    stages: chaosStages(context),
  }),
});
