import { defineRunbook, didYouMean, UsageError, type RunbookStage } from '../src/index.ts';

export default defineRunbook({
  name: 'downgrade-matrix',
  description:
    'Take each node forward, back and forward again, also while another node is down: the old program must read what the new one wrote.',
  parameters: {
    version: { description: 'the newer release, as named in the testnet file' },
    nodes: { description: 'nodes to try, separated by commas', default: 'all' },
    'with-one-down': {
      description:
        'repeat each change while another node is stopped; the system must be able to spare two, or may halt',
      default: 'no',
      values: ['no', 'yes'],
    },
    end: { description: 'the release that all tried nodes run at the end', default: 'old', values: ['old', 'new'] },
  },
  plan({ nodes, releases, parameters }) {
    const { version = '', nodes: chosen = 'all', end } = parameters;
    if (!releases.includes(version)) throw new UsageError(`unknown release ${version}${didYouMean(version, releases)}`);
    const names = nodes.map(({ name }) => name);
    const wanted = chosen === 'all' ? names : chosen.split(',').map((name) => name.trim());
    for (const name of wanted) {
      if (!names.includes(name)) throw new UsageError(`there is no node ${name}${didYouMean(name, names)}`);
    }
    const tried = nodes.filter(({ name, version: now }) => wanted.includes(name) && now !== version);
    if (tried.length === 0)
      throw new UsageError(`every chosen node runs ${version} already: there is nothing to come from`);
    const stages = tried.flatMap(({ name: node, version: old }): RunbookStage[] => {
      const other = names.find((name) => name !== node) ?? '';
      const step = (id: string, to: string, mayHalt = false): RunbookStage => ({
        kind: 'change',
        id: `${node}/${id}`,
        changes: [{ node, version: to }],
        ...(mayHalt && { mayHalt }),
      });
      const there = [step('forward', version), step('back', old), step('forward-again', version)];
      // While another one is down nothing may be committed: what counts is what both do once it is back.
      const alone = (id: string, to: string): RunbookStage[] => [
        { kind: 'stop', id: `${node}/${id}/without-${other}`, node: other, mayHalt: true },
        step(id, to, true),
        { kind: 'start', id: `${node}/${id}/with-${other}`, node: other },
      ];
      const withOneDown =
        parameters['with-one-down'] === 'yes' && names.length > 1
          ? [...alone('back-alone', old), ...alone('forward-alone', version)]
          : [];
      return [...there, ...withOneDown, ...(end === 'old' ? [step('old-again', old)] : [])];
    });
    return { stages, onFailure: 'rollback', isForward: false };
  },
});
