import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { exitCode } from '../../core/exit-code.ts';
import { readJsonFile } from '../../core/files.ts';
import { isAlive } from '../../core/process-identity.ts';
import type { LockOwner } from '../../engine/lock.ts';
import { prometheusUrlOf } from '../../engine/state.ts';
import type { GateProof } from '../../gates/prove/proof.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed } from '../testnet.ts';

const proofCodes: Record<GateProof['verdict'], number> = {
  proven: exitCode.pass,
  'not-proven': exitCode.failed,
  inconclusive: exitCode.inconclusive,
};

/** `seatrial gates prove <testnet>`: shows every check of the testnet's gate its bad worlds; nothing on the testnet is touched. */
export async function prove(name: string, options: { json?: boolean }): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { topology, profile, lab } = await openDeployed(name);
    try {
      await tellOfRun(topology.stateDir);
      const { proveGates } = await import('../../gates/prove/prove-gates.ts');
      const proof = await proveGates({
        topology,
        profile,
        lab,
        clock: systemClock,
        prometheusUrl: prometheusUrlOf(topology),
        signal: interrupt.signal,
        onProgress: (shown, of) => tell(`shown ${shown} of ${of} bad worlds`, shown > 0 && shown < of),
      });
      if (options.json) printJson(proof);
      else print(proofText(proof));
      return proofCodes[proof.verdict];
    } finally {
      await lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

/** A run that is under way makes bad slots of its own. */
async function tellOfRun(stateDir: string): Promise<void> {
  const owner = await readJsonFile<LockOwner>(join(stateDir, 'lock.json'));
  if (!owner || !(await isAlive(owner))) return;
  tell(`${owner.purpose} (pid ${owner.pid}) is changing this testnet now; what is seen may be its doing`);
}

/** `isPassing`: only worth a line on a terminal. */
function tell(text: string, isPassing = false): void {
  if (isPassing && !process.stderr.isTTY) return;
  process.stderr.write(`${text}\n`);
}

function proofText({ testnet, gate, slotMs, verdict, reason, checks, leftOut }: GateProof): string {
  const rows = checks.flatMap(({ check, isProven, reason: why, worlds }) => [
    ...worlds.map(({ world, outcome, slots, allowedSlots, isTurned, detail }) => [
      check,
      world,
      isTurned ? outcome : `${outcome}!`,
      slots === undefined ? '-' : `${slots}/${allowedSlots}`,
      detail ?? '',
    ]),
    ...(isProven ? [] : [[check, 'NOT PROVEN', '', '', why ?? '']]),
  ]);
  return [
    ...(rows.length > 0 ? [table([['CHECK', 'WORLD', 'VERDICT', 'SLOTS', 'SAID'], ...rows]), ''] : []),
    ...leftOut.map((one) => `left out: ${one.name} (${one.reason})`),
    `${testnet}: ${verdict.toUpperCase()} with the gate ${gate} (a slot is ${slotMs / 1000} s): ${reason}`,
  ].join('\n');
}
