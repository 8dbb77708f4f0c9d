import { countOf, defineRunbook, didYouMean, durationOf, UsageError, type RunbookStage } from '../src/index.ts';

export default defineRunbook({
  name: 'tss-canary',
  description:
    'Switch a feature on for one node with a time limit, prove its effect, compare, then enable it node by node.',
  parameters: {
    toggle: { description: 'the feature, as the system names it', default: 'tss' },
    node: { description: 'the canary; by default the first node with voting power', default: 'first' },
    ttl: { description: 'time after which the canary goes back by itself when nobody extends it', default: '60s' },
    blocks: { description: 'newest blocks that are looked at; the feature must show in eight of ten', default: '10' },
    'prove-within': { description: 'time for these blocks', default: '60s' },
    switches: {
      description: 'times that the canary is switched in the comparison; an even number, 0 leaves it out',
      // The fewest with which three measures of harm can be cleared are 38; some are left out for lack of events.
      default: '44',
    },
    'switch-for': { description: 'length of one block of the comparison', default: '10s' },
    confirm: {
      description: 'ask before the feature is enabled for good; without an answer the canary goes back',
      default: 'no',
      values: ['no', 'yes'],
    },
    'confirm-within': { description: 'time to confirm', default: '24h' },
    rollout: { description: 'enable it for good on every node afterwards', default: 'yes', values: ['yes', 'no'] },
  },
  plan({ nodes, toggles, parameters }) {
    const { toggle = 'tss', node: chosen = 'first', rollout, confirm } = parameters;
    const flag = toggles[toggle];
    if (!flag) {
      throw new UsageError(
        `the system has no feature ${toggle} that can be switched${didYouMean(toggle, Object.keys(toggles))}`,
      );
    }
    const voters = nodes.filter(({ votingPower }) => votingPower > 0);
    const canary = chosen === 'first' ? voters[0] : nodes.find(({ name }) => name === chosen);
    if (!canary)
      throw new UsageError(
        `there is no node ${chosen}${didYouMean(
          chosen,
          nodes.map(({ name }) => name),
        )}`,
      );
    const control = voters.filter(({ name }) => name !== canary.name).map(({ name }) => name);
    const without = voters.filter(({ flags }) => flags[flag.name] !== flag.on);
    if (!without.some(({ name }) => name === canary.name)) {
      throw new UsageError(`${canary.name} has ${toggle} already: there is nothing to try`);
    }
    const duration = (name: string): number => durationOf(parameters[name] ?? '', name);
    const blocks = countOf(parameters['blocks'] ?? '', 'blocks');
    const switches = parameters['switches'] === '0' ? 0 : countOf(parameters['switches'] ?? '', 'switches');
    if (switches % 2 !== 0) throw new UsageError(`switches cannot be ${switches}: it is an even number, or 0`);
    const ttlMs = duration('ttl');
    const activation = { kind: 'activation' as const, toggle, blocks, timeoutMs: duration('prove-within') };
    const enable = [canary, ...without.filter(({ name }) => name !== canary.name)];
    const stages: RunbookStage[] = [
      { kind: 'switch', id: 'canary/on', toggle, node: canary.name, ttlMs },
      { ...activation, id: 'canary/proof', nodes: [canary.name] },
      { kind: 'soak', id: 'canary/gate', nodes: [canary.name] },
      ...(switches === 0
        ? []
        : [
            {
              kind: 'switchback' as const,
              id: 'canary/comparison',
              toggle,
              node: canary.name,
              control,
              blocks: switches,
              blockMs: duration('switch-for'),
              ttlMs,
            },
          ]),
      ...(confirm === 'yes'
        ? [
            {
              kind: 'approval' as const,
              id: 'confirm',
              question: `${toggle} works on ${canary.name}; enable it on ${enable.map(({ name }) => name).join(', ')}?`,
              timeoutMs: duration('confirm-within'),
            },
          ]
        : []),
      { kind: 'clear', id: 'canary/off', toggle, node: canary.name },
      ...(rollout === 'yes'
        ? [
            {
              kind: 'change' as const,
              id: 'enable',
              changes: enable.map(({ name, version }) => ({ node: name, version, flags: { [flag.name]: flag.on } })),
            },
            { ...activation, id: 'enabled/proof', nodes: voters.map(({ name }) => name) },
          ]
        : []),
    ];
    return { stages, onFailure: 'rollback' };
  },
});
