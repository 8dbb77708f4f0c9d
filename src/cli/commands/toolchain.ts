import { inspectToolchain, setupToolchain, toolchainEnvironment, locateToolchain } from '../../../toolchain/setup.ts';
import { messageOf } from '../../core/errors.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson, table } from '../output.ts';
import { findRoot } from '../root.ts';

/** `seatrial setup`: a Pulumi engine for this project, from what the machine has, a download, or own programs. */
export async function setup(options: { json?: boolean }): Promise<void> {
  const interrupt = interruptSignal();
  try {
    const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);
    const { parts } = await setupToolchain({ root: findRoot(), signal: interrupt.signal, onProgress });
    if (options.json) printJson({ parts });
    else
      print(
        `${table(parts.map((part) => [part.name, part.version ?? '-', part.source]))}\n\nnext: eval "$(npx seatrial env)"`,
      );
  } finally {
    interrupt.dispose();
  }
}

/** `seatrial env`: shell exports with which a plain `pulumi` works in this folder. */
export function env(options: { json?: boolean }): void {
  const root = findRoot();
  locateToolchain({ root });
  const variables = toolchainEnvironment({ root });
  if (options.json) {
    printJson(variables);
    return;
  }
  for (const [name, value] of Object.entries(variables)) print(`export ${name}=${quote(value)}`);
}

function quote(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

interface Finding {
  what: string;
  ok: boolean;
  /** Version, path, or why it is missing. */
  detail: string;
  /** What it is needed for; missing is fine for everything else. */
  neededFor: string;
  /** What is wrong, in a word. Default: MISSING. */
  wrong?: string;
}

/** `seatrial doctor`: what this machine has, where each part comes from, and what is missing for which lab. Exit 0 when nothing is. */
export async function doctor(options: { json?: boolean }): Promise<number> {
  const root = findRoot();
  const findings: Finding[] = [
    { what: 'Node', ok: true, detail: process.version, neededFor: 'everything' },
    { what: '/proc', ok: process.platform === 'linux', detail: process.platform, neededFor: 'the process lab' },
    await dockerFinding(),
  ];
  for (const part of await inspectToolchain({ root })) {
    const detail =
      part.source === 'missing' ? 'missing; run: npx seatrial setup' : `${part.version ?? ''} (${part.source})`;
    findings.push({ what: part.name, ok: part.source !== 'missing', detail, neededFor: 'the Docker lab' });
  }
  const { faultResidue } = await import('../fault-residue.ts');
  for (const { testnet, detail } of await faultResidue(root)) {
    findings.push({ what: `faults on ${testnet}`, ok: false, detail, neededFor: testnet, wrong: 'LEFT' });
  }
  if (options.json) printJson({ findings });
  else
    print(
      table(
        findings.map(({ what, ok, detail, neededFor, wrong = 'MISSING' }) => [
          ok ? 'ok' : wrong,
          what,
          detail,
          `for ${neededFor}`,
        ]),
      ),
    );
  return findings.every(({ ok }) => ok) ? 0 : 1;
}

async function dockerFinding(): Promise<Finding> {
  const finding = { what: 'Docker engine', neededFor: 'the Docker lab' };
  try {
    const { connectDocker } = await import('../../lab/docker/connection.ts');
    const { version, host } = await connectDocker();
    const [major = 0] = version.split('.').map(Number);
    const advice = major < 24 ? '; 24 or newer is recommended' : '';
    return { ...finding, ok: true, detail: `${version} at ${host}${advice}` };
  } catch (error) {
    return { ...finding, ok: false, detail: messageOf(error) };
  }
}
