import { actionItems, actionParameters, defineRunbook, drillDefaults, durationOf } from '../src/index.ts';

/** What a system loses at most between two backups when nobody has said what it may lose. */
const usualRpoMs = 15 * 60_000;
const usualRtoMs = 60 * 60_000;

export default defineRunbook({
  name: 'total-loss',
  description: 'Drill: all nodes and their disks are gone; they are rebuilt from backup and code alone.',
  parameters: {
    rto: { description: 'longest time to good service; without one in the testnet file 60m', default: 'testnet' },
    rpo: {
      description: 'age of the oldest write that may be lost; without one in the testnet file 15m',
      default: 'testnet',
    },
    window: { description: 'length of the window of good service', default: 'auto' },
    approve: { description: 'ask before the recovery begins', default: 'no', values: ['no', 'yes'] },
    'approve-within': { description: 'time to approve; without an answer the recovery begins', default: '1h' },
    ...actionParameters,
  },
  plan({ nodes, gate, parameters, drills }) {
    const names = nodes.map(({ name }) => name);
    const { windowMs, timeoutMs, targetsMs, rtoMs = usualRtoMs } = drillDefaults({ gate, parameters, drills });
    const { rpo = 'testnet' } = parameters;
    const rpoMs = rpo === 'testnet' ? (drills?.rpoMs ?? usualRpoMs) : durationOf(rpo, 'rpo', 0);
    return {
      onFailure: 'hold',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'total-loss', forMs: windowMs },
        { kind: 'take-backup', id: 'backup' },
        { kind: 'lose', id: 'lose', nodes: names, data: 'wipe', mayHalt: true },
        ...(parameters['approve'] === 'yes'
          ? [
              {
                kind: 'approval' as const,
                id: 'approval',
                question: 'all nodes and their data are gone; rebuild them from the backup?',
                timeoutMs: durationOf(parameters['approve-within'] ?? '', 'approve-within'),
                onTimeout: 'continue' as const,
              },
            ]
          : []),
        { kind: 'restore-backup', id: 'recover', backup: 'this-run' },
        { kind: 'service', id: 'service', timeoutMs },
      ],
      drill: {
        windowMs,
        ...actionItems(parameters),
        exercises: {
          'total-loss': { title: 'all nodes and their disks are gone', objectives: { rtoMs, rpoMs }, targetsMs },
        },
      },
    };
  },
});
