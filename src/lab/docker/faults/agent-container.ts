import type Docker from 'dockerode';
import type { CallOptions } from '../../call-options.ts';
import { labels } from '../../labels.ts';
import { processOrigin } from '../../lease.ts';
import { putFiles } from '../container-files.ts';
import { engineCall, isMissing, statusOf } from '../engine-call.ts';
import { untilGone } from '../until-gone.ts';
import { agentBundle } from './agent-bundle.ts';
import { agentFolder, cgroupFolder, engineSocket, type AgentTask } from './agent/task.ts';

const REMOVE_TIMEOUT_MS = 30_000;
const PROGRAM = `${agentFolder}/agent.mjs`;

/**
 * The first process of agents that the engine removes when they end. It starts the program again when that is killed (by a machine that is
 * short of memory, say): it is the one that heals.
 */
const SUPERVISOR = `exec 3<&0
trap 'kill -TERM "$child" 2>/dev/null' TERM INT
while :; do
  node ${PROGRAM} <&3 &
  child=$!
  while :; do wait "$child"; code=$?; kill -0 "$child" 2>/dev/null || break; done
  [ "$code" = 0 ] && exit 0
  sleep 0.2
done`;

export interface AgentDefinition {
  name?: string;
  image: string;
  task: AgentTask;
  labels: Record<string, string>;
  /** What it may see and do beyond what a container without any right can. */
  rights: AgentRights;
}

export interface AgentRights {
  /** Id of the container whose network namespace it shares. Absent: it has no network. */
  network?: string;
  /** Whether it may change the network of that namespace. */
  isNetworkAdmin?: boolean;
  /** Path, on the engine's host, of the engine's socket that it is given. */
  engineSocket?: string;
  hasCgroups?: boolean;
  /** Whether it sees the processes of the host. */
  hasHostProcesses?: boolean;
  /** `uid:gid`. Default: root, of whom nothing but the other rights is left. */
  user?: string;
  /** A volume at this path. */
  volume?: { name: string; path: string };
}

/** Creates an agent's container and puts its program and its task into it. It does not run yet. */
export async function createAgent(
  docker: Docker,
  what: string,
  definition: AgentDefinition,
  options: CallOptions,
): Promise<Docker.Container> {
  const { name, task, rights } = definition;
  const create = { ...(await agentOptions(definition)), ...(name !== undefined && { name }) };
  const container = await engineCall(`create the agent for ${what}`, options, (abortSignal) =>
    docker.createContainer({ ...create, abortSignal }),
  );
  try {
    const own = { uid: Number(rights.user?.split(':')[0] ?? 0), gid: Number(rights.user?.split(':')[1] ?? 0) };
    const folder = agentFolder.slice(1);
    await putFiles(
      container,
      '/',
      [
        { name: 'opt/', mode: 0o755, uid: 0, gid: 0 },
        { name: 'opt/seatrial/', mode: 0o755, uid: 0, gid: 0 },
        { name: `${folder}/`, mode: 0o700, ...own },
        { name: PROGRAM.slice(1), mode: 0o400, ...own, content: await agentBundle() },
        { name: `${folder}/task.json`, mode: 0o400, ...own, content: Buffer.from(JSON.stringify(task)) },
      ],
      options,
    );
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
  return container;
}

export async function startAgent(what: string, container: Docker.Container, options: CallOptions): Promise<void> {
  await engineCall(`start the agent for ${what}`, options, (abortSignal) => container.start({ abortSignal }));
}

/** Removes a container whatever its state, and waits until it is gone; succeeds when it is. Has its own time. */
export async function removeContainer(container: Docker.Container): Promise<void> {
  try {
    await engineCall(`remove agent ${container.id}`, { timeoutMs: REMOVE_TIMEOUT_MS }, (abortSignal) =>
      container.remove({ force: true, v: true, abortSignal }),
    );
  } catch (error) {
    // 409: the engine is removing it already.
    if (!isMissing(error) && statusOf(error) !== 409) throw error;
  }
  await untilGone(container, container.id);
}

async function agentOptions({ image, task, labels: given, rights }: AgentDefinition) {
  const origin = await processOrigin();
  const removesItself = task.role === 'lease' && task.removesItself;
  // What the others said is read after they ended.
  const isLasting = task.role === 'lease' || task.role === 'probe';
  const Mounts: Docker.MountSettings[] = [];
  const bind = (Source: string, Target: string): void => void Mounts.push({ Type: 'bind', Source, Target });
  // A bind that is given as a mount fails when its source is not there, instead of making it.
  if (rights.engineSocket !== undefined) bind(rights.engineSocket, engineSocket);
  if (rights.hasCgroups) bind('/sys/fs/cgroup', cgroupFolder);
  if (rights.volume) Mounts.push({ Type: 'volume', Source: rights.volume.name, Target: rights.volume.path });
  return {
    Image: image,
    Entrypoint: removesItself || task.role !== 'lease' ? ['node', PROGRAM] : ['/bin/sh', '-c', SUPERVISOR],
    Cmd: [],
    Labels: { ...given, ...(origin && { [labels.owner]: JSON.stringify(origin) }) },
    User: rights.user ?? '0:0',
    OpenStdin: true,
    StdinOnce: false,
    AttachStdin: true,
    HostConfig: {
      NetworkMode: rights.network === undefined ? 'none' : `container:${rights.network}`,
      ...(rights.hasHostProcesses && { PidMode: 'host' }),
      ...(rights.hasCgroups && { CgroupnsMode: 'host' }),
      CapDrop: ['ALL'],
      CapAdd: rights.isNetworkAdmin ? ['NET_ADMIN'] : [],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 64,
      Mounts,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      // It must come back with the engine, which keeps down what it ended; the engine starts nothing again that it removes.
      ...(removesItself && { RestartPolicy: { Name: 'unless-stopped' } }),
      AutoRemove: !removesItself && isLasting,
    },
  } satisfies Docker.ContainerCreateOptions;
}
