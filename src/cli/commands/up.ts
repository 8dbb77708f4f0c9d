import { prepareUp } from '../../engine/prepare.ts';
import { executeAndReport, openNamedProject, withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import type { LabAccess } from '../lab-access.ts';
import { accessLab } from '../labs.ts';

/** `seatrial up <file>`: makes the testnet what its file says: creates, mends, or upgrades node by node behind gates. */
export async function up(reference: string, options: { json?: boolean }): Promise<number> {
  const interrupt = interruptSignal();
  let access: LabAccess | undefined;
  try {
    const project = await openNamedProject(reference);
    const notice = (text: string): void => void process.stderr.write(`${text}\n`);
    return await withLock(project.stateDir, 'up', notice, async () => {
      const labOf = async (topology: Parameters<typeof accessLab>[1]) =>
        (access = await accessLab(project, topology)).lab;
      const prepared = await prepareUp(project, labOf, interrupt.signal);
      if (!access) throw new Error('preparing opens the lab');
      return executeAndReport(project, prepared, access, options, interrupt);
    });
  } finally {
    interrupt.dispose();
    await access?.lab.close();
  }
}
