import { actionItems, actionParameters, defineRunbook, drillDefaults, durationOf, UsageError } from '../src/index.ts';

export default defineRunbook({
  name: 'monitoring-loss',
  description:
    'Drill: Prometheus is gone; gates must hold instead of passing or failing, and pass again when it is back.',
  parameters: {
    for: { description: 'how long it stays so before the gates are asked', default: 'auto' },
    window: { description: 'length of the window of good service', default: 'auto' },
    rto: { description: 'longest time to good service', default: 'testnet' },
    ...actionParameters,
  },
  plan({ testnet, nodes, gate, parameters, drills, hasMonitoring }) {
    if (!hasMonitoring) {
      throw new UsageError(
        `monitoring-loss needs the capability monitoring-gone: ${testnet} has no monitoring that could be taken away (monitoring: true, on a container lab)`,
      );
    }
    const names = nodes.map(({ name }) => name);
    const { windowMs, pauseMs, timeoutMs, targetsMs, rtoMs } = drillDefaults({ gate, parameters, drills });
    const { for: length = 'auto' } = parameters;
    const forMs = length === 'auto' ? pauseMs : durationOf(length, 'for');
    return {
      onFailure: 'hold',
      isForward: false,
      stages: [
        { kind: 'baseline', id: 'baseline', drill: 'monitoring-loss', forMs: windowMs },
        {
          kind: 'fault',
          id: 'blind',
          fault: { kind: 'prometheus-gone', targets: [], parameters: {}, durationMs: forMs },
        },
        { kind: 'hold', id: 'without', forMs },
        { kind: 'held-gate', id: 'held', nodes: names },
        { kind: 'heal', id: 'heal', fault: 'blind' },
        { kind: 'telemetry', id: 'telemetry' },
        { kind: 'service', id: 'service', timeoutMs },
      ],
      drill: {
        windowMs,
        ...actionItems(parameters),
        exercises: {
          'monitoring-loss': {
            title: 'Prometheus is gone',
            objectives: { rpoWrites: 0, ...(rtoMs !== undefined && { rtoMs }) },
            targetsMs,
          },
        },
      },
    };
  },
});
