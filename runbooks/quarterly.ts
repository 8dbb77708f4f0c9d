import { actionParameters, composeDrills, defineRunbook, didYouMean, UsageError, type Runbook } from '../src/index.ts';
import corruptBackup from './corrupt-backup.ts';
import failover from './failover.ts';
import monitoringLoss from './monitoring-loss.ts';
import nodeLoss from './node-loss.ts';
import partition from './partition.ts';
import totalLoss from './total-loss.ts';

/** In the order in which they are done; a bad release is taken back by the run as a whole, and has a run of its own. */
const exercises: readonly Runbook[] = [nodeLoss, partition, failover, totalLoss, corruptBackup, monitoringLoss];

export default defineRunbook({
  name: 'quarterly',
  description: 'Drill: several disasters one after the other, in one run with one report.',
  parameters: {
    drills: {
      description: 'which, separated by commas; all: every one, monitoring-loss where there is monitoring',
      default: 'all',
    },
    window: { description: 'length of the window of good service', default: 'auto' },
    rto: { description: 'longest time to good service of each', default: 'testnet' },
    rpo: { description: 'age of the oldest write that total-loss may lose', default: 'testnet' },
    ...actionParameters,
  },
  plan(context) {
    const { drills: chosen = 'all' } = context.parameters;
    const names = exercises.map(({ name }) => name);
    const possible = names.filter((name) => name !== monitoringLoss.name || context.hasMonitoring);
    const wanted = chosen === 'all' ? possible : chosen.split(',').map((name) => name.trim());
    for (const [index, name] of wanted.entries()) {
      if (!names.includes(name)) throw new UsageError(`there is no drill ${name}${didYouMean(name, names)}`);
      if (wanted.indexOf(name) !== index) throw new UsageError(`the drill ${name} is named twice`);
    }
    return composeDrills(
      exercises.filter(({ name }) => wanted.includes(name)),
      context,
    );
  },
});
