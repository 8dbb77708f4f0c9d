import { prepareStages } from '../../engine/planning/prepare.ts';
import type { RunbookStage } from '../../engine/runbook.ts';
import { executeAndReport, openNamedProject, requireDeployed, withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import { accessLab } from '../labs.ts';

/** `seatrial backup <testnet> [nodes]`: a run that stops, copies, starts and gates node after node, and then stores the copies. */
export async function backup(
  testnet: string,
  nodes: readonly string[],
  options: { to: string[]; json?: boolean },
): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const project = await openNamedProject(testnet);
    await requireDeployed(project);
    const access = await accessLab(project, await project.topology(project.desired));
    try {
      const notice = (text: string): void => void process.stderr.write(`${text}\n`);
      return await withLock(project.stateDir, 'backup', notice, async () => {
        const { to } = options;
        const chosen = nodes.length > 0 ? { nodes: [...nodes] } : {};
        const stages: RunbookStage[] = [{ kind: 'take-backup', id: 'backup', to, ...chosen }];
        const parameters = { nodes: nodes.join(',') || 'all', ...(to.length > 0 && { to: to.join(',') }) };
        const request = { name: 'backup', parameters, stages };
        const prepared = await prepareStages(project, access.lab, request, interrupt.signal);
        return executeAndReport(project, prepared, access, options, interrupt);
      });
    } finally {
      await access.lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}
