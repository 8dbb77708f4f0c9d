import { LabError } from '../../../core/errors.ts';
import { sendSignal, waitForEffect } from '../end-process.ts';
import { isPaused } from '../proc.ts';
import type { ActionOf, FaultKind } from './fault-kind.ts';

/** SIGSTOP to the node and all its children. */
export const pause: FaultKind<ActionOf<'pause'>> = {
  inject: async ({ node }, { lab, clock }, keep) => {
    const processes = await lab.processes(node.name);
    if (processes.length === 0) {
      throw new LabError(`${node.name} cannot be paused: it is not running`, { details: { node: node.name } });
    }
    await keep({});
    for (const stat of processes) sendSignal(stat, 'SIGSTOP', node.name);
    for (const stat of processes) await waitForEffect(stat, 'SIGSTOP', { clock, node: node.name });
  },
  inspect: async ({ node }, { lab }) => {
    const processes = await lab.processes(node.name);
    const paused = processes.filter(isPaused).length;
    const effect = { processes: processes.length, paused, process: processes[0]?.state ?? 'gone' };
    if (paused > 0 && paused === processes.length) return { state: 'injected', effect };
    const detail = processes.length === 0 ? `${node.name} is gone` : `${node.name} was let go on by somebody else`;
    return { state: 'lost', effect, detail };
  },
  undo: async ({ node }, { lab, clock }) => {
    const paused = (await lab.processes(node.name)).filter(isPaused);
    for (const stat of paused) sendSignal(stat, 'SIGCONT', node.name);
    for (const stat of paused) await waitForEffect(stat, 'SIGCONT', { clock, node: node.name });
  },
};
