import { defineRunbook, durationOf, UsageError } from '../src/index.ts';

export default defineRunbook({
  name: 'slo-watch',
  description:
    'Offer traffic for hours or days and judge the share of it that is acknowledged, by how fast the error budget burns.',
  parameters: {
    objective: { description: 'share of transactions that must be acknowledged, in percent', default: '99' },
    for: { description: 'length of the watch; the windows of the rules scale with it', default: '7d' },
  },
  plan({ parameters }) {
    const percent = Number(parameters['objective']);
    if (!(percent > 0 && percent < 100)) {
      throw new UsageError(
        `objective cannot be "${parameters['objective']}": it is a percentage below 100, as in 99.9`,
      );
    }
    return {
      stages: [{ kind: 'slo', id: 'slo', objective: percent / 100, forMs: durationOf(parameters['for'] ?? '', 'for') }],
      onFailure: 'hold',
      checksLedger: false,
    };
  },
});
