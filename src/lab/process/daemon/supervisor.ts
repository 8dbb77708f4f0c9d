import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { LabError, messageOf } from '../../../core/errors.ts';
import { daemonMarkEnvironment } from '../mark.ts';
import { readStat, type ProcessStat } from '../proc.ts';
import { inheritedEnvironment } from '../spawn-node.ts';
import { daemonPaths } from './control-protocol.ts';

const PROGRAM = fileURLToPath(new URL('main.ts', import.meta.url));

/**
 * Starts the daemon and starts it again when it is killed, until it ends well or its testnet is gone. A shell, because it takes a
 * twentieth of the memory of another Node. $1: a daemon that lives already and is waited for, or 0. $2: the testnet's folder.
 */
const SCRIPT = `
adopted=$1 folder=$2
shift 2
lives() {
  while read -r key value _; do
    if [ "$key" = State: ]; then [ "$value" != Z ] && [ "$value" != X ]; return; fi
  done < "/proc/$1/status"
  return 1
}
while lives "$adopted" 2>/dev/null; do sleep 0.3; done
tries=0
until "$@"; do
  [ -d "$folder" ] || exit 0
  tries=$((tries + 1))
  if [ "$tries" -gt 5 ]; then sleep 2; else sleep 0.1; fi
done
`;

interface SupervisorOptions {
  testnet: string;
  stateDir: string;
  /** Pid of a daemon that lives, and lacks a supervisor. */
  adopted?: number;
}

/** Starts a supervisor in a session of its own, so that it, and the daemon, outlive whoever called. */
export async function spawnSupervisor({ testnet, stateDir, adopted = 0 }: SupervisorOptions): Promise<ProcessStat> {
  const paths = daemonPaths(stateDir);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const log = await open(paths.log, 'a', 0o600);
  try {
    // The young generation of its heap is kept small: what it holds it does not hold for long.
    const daemon = [process.execPath, '--max-semi-space-size=1', PROGRAM, testnet, stateDir];
    const child = spawn('sh', ['-c', SCRIPT, 'seatrial-lab', String(adopted), stateDir, ...daemon], {
      cwd: '/',
      env: { ...inheritedEnvironment(), ...daemonMarkEnvironment({ testnet, stateDir }) },
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const { pid } = child;
    if (pid === undefined) {
      const [cause] = (await once(child, 'error')) as [unknown];
      throw new LabError(`the lab daemon of ${testnet} could not be started: ${messageOf(cause)}`, { cause });
    }
    // Read before the event loop turns: until then even a child that has ended is there as a zombie.
    const stat = readStat(pid);
    if (!stat) throw new LabError(`the lab daemon of ${testnet} was started as pid ${pid} but is not in /proc`);
    child.unref();
    return stat;
  } finally {
    await log.close();
  }
}
