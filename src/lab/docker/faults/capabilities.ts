import type Docker from 'dockerode';
import { requireGoing } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import type { CallOptions } from '../../call-options.ts';
import type { FaultAction, FaultActionKind } from '../../faults.ts';
import { labels } from '../../labels.ts';
import { engineCall } from '../engine-call.ts';
import { defaultImages } from '../images/default-images.ts';
import { findImage } from '../images/resolve-image.ts';
import type { AgentRights } from './agent-container.ts';
import type { TryReport } from './agent/task.ts';
import { runOnce } from './run-once.ts';

/** What can be broken on purpose on one engine. */
export interface Capabilities {
  kinds: Record<FaultActionKind, true | string>;
  /** The same for one action exactly: of shapes a part may be possible. */
  of(action: FaultAction): true | string;
  /** Id of the toolbox image; empty where there is none. */
  image: string;
  /** Path of the engine's socket on its host. */
  engineSocket: string;
}

const NO_TOOLBOX =
  'faults on containers need the toolbox image, which this engine does not hold; `seatrial images` builds it';
const NO_CLOCK =
  'the clock of a container is that of the machine; to set it off for one process its image would need libfaketime';

/** Tries what the engine and its kernel allow, each in a container that has just the right for that, and disturbs nobody. */
export async function findCapabilities(
  docker: Docker,
  socketPath: string,
  options: CallOptions,
): Promise<Capabilities> {
  const image = await findImage(docker, defaultImages.toolbox.local, options);
  if (image === undefined) return without(NO_TOOLBOX);
  const { ID: engineId } = await engineCall(
    'ask the engine for its id',
    options,
    () => docker.info() as Promise<{ ID: string }>,
  );
  const attempt = async (
    what: 'network' | 'engine' | 'cgroup' | 'process',
    rights: AgentRights,
  ): Promise<TryReport> => {
    const definition = {
      image,
      task: { role: 'try', what, engineId },
      labels: { [labels.helper]: 'try' },
      rights,
    } as const;
    try {
      return await runOnce(docker, `try what the engine allows (${what})`, definition, options);
    } catch (error) {
      requireGoing(options.signal);
      const all = { network: ['nft', 'htb', 'netem'], engine: ['engine'], cgroup: ['cgroup'], process: ['process'] };
      return Object.fromEntries(all[what].map((name) => [name, messageOf(error)]));
    }
  };
  const [network, engine, cgroup, process] = await Promise.all([
    attempt('network', { isNetworkAdmin: true }),
    attempt('engine', { engineSocket: socketPath }),
    attempt('cgroup', { hasCgroups: true }),
    attempt('process', { hasHostProcesses: true, user: '1000:1000' }),
  ]);
  const report: TryReport = { ...network, ...engine, ...cgroup, ...process };
  return { ...judge(report), image, engineSocket: socketPath };
}

/** What follows from what is lacking. */
export function judge(report: TryReport): Pick<Capabilities, 'kinds' | 'of'> {
  const because = (reason: string | undefined, sentence: string): true | string =>
    reason === undefined ? true : `${sentence} (${reason})`;
  const rules = because(report.nft, 'rules cannot be set in the network of a container');
  const control = because(report.engine, 'no agent can be given the engine’s socket');
  const limits = because(report.cgroup, 'no agent can set the limits of control groups');
  const htb = because(report.htb, 'the kernel has no htb, with which bandwidth is limited');
  const netem = because(report.netem, 'the kernel has no netem, which delays and loses packets');
  const kinds = {
    cut: rules,
    dns: rules,
    shape: htb === true ? netem : htb,
    pause: control,
    down: control,
    config: control,
    'monitoring-gone': control,
    cpu: limits,
    memory: limits,
    'disk-full': because(report.process, 'no agent can limit the processes of a node'),
    clock: NO_CLOCK,
  };
  return {
    kinds,
    of: (action) => {
      if (action.kind !== 'shape') return kinds[action.kind];
      const needsNetem = action.rules.some(
        ({ delayMs = 0, jitterMs = 0, lossShare = 0 }) => delayMs > 0 || jitterMs > 0 || lossShare > 0,
      );
      return needsNetem ? kinds.shape : htb;
    },
  };
}

function without(reason: string): Capabilities {
  const { kinds } = judge({});
  const none = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, reason])) as typeof kinds;
  return { kinds: none, of: ({ kind }) => none[kind], image: '', engineSocket: '' };
}
