import type Docker from 'dockerode';
import { LabError, messageOf } from '../../core/errors.ts';
import { labels } from '../labels.ts';
import type { CallOptions, LabLease, LeaseOwner } from '../lab.ts';
import { heldError, isProvablyGone, lostError, parseLease, type LeaseFacts } from '../lease.ts';
import { engineCall, isMissing, statusOf } from './engine-call.ts';

/** Each taker that loses a race sees its winner the next time; so many rounds never come without something being broken. */
const MAX_ROUNDS = 50;
/** Giving back has its own time, whatever is left of the caller's. */
const RELEASE_TIMEOUT_MS = 15_000;

export interface ContainerLeaseOptions extends CallOptions {
  testnet: string;
  owner: LeaseOwner;
  lastToken?: number;
  /** Ids of images, the likeliest first; the lease is made of the first that the engine still has. */
  images: readonly string[];
}

interface FoundLease extends LeaseFacts {
  id: string;
  name: string;
}

/** No node can have this name: theirs have no dot. */
export function leaseName(testnet: string): string {
  return `${testnet}.lease`;
}

/**
 * Takes a testnet's lease: a container of a fixed name that is never started, so that the engine itself decides between takers.
 * One of a dead owner is first renamed, by its id, and removed after the new one is there: its token is in sight all the time,
 * and a taker that looked earlier can only meet the old container, never the new one.
 */
export async function takeContainerLease(docker: Docker, options: ContainerLeaseOptions): Promise<LabLease> {
  const { testnet, owner, lastToken = 0 } = options;
  const name = leaseName(testnet);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = await leasesOf(docker, testnet, options);
    const holder = found.find((lease) => lease.name === name);
    if (holder) {
      if (!(await isProvablyGone(holder.owner))) throw await heldError(testnet, holder, `docker rm -f ${name}`);
      await setAside(docker, holder, options);
    }
    const token = Math.max(lastToken, ...found.map((lease) => lease.token)) + 1;
    const id = await create(docker, { ...options, name, facts: { token, owner } });
    if (id === undefined) {
      if (!holder) await requireLease(docker, name, testnet, options);
      continue;
    }
    for (const old of found) await remove(docker, old, options);
    return lease(docker, testnet, { id, name, token, owner });
  }
  throw new LabError(`the lease of ${testnet} could not be taken in ${MAX_ROUNDS} rounds; see container ${name}`);
}

function lease(docker: Docker, testnet: string, own: FoundLease): LabLease {
  return {
    token: own.token,
    check: async (options = {}) => {
      const found = await leasesOf(docker, testnet, options);
      const holder = found.find(({ name }) => name === own.name);
      if (holder?.id !== own.id) throw lostError(testnet, own.token, holder);
    },
    release: () => remove(docker, own, { timeoutMs: RELEASE_TIMEOUT_MS }),
  };
}

/** The lease of a testnet and those of dead owners that were set aside. */
async function leasesOf(docker: Docker, testnet: string, options: CallOptions): Promise<FoundLease[]> {
  const filters = { label: [`${labels.testnet}=${testnet}`, labels.lease] };
  const containers = await engineCall(`look for the lease of ${testnet}`, options, (abortSignal) =>
    docker.listContainers({ all: true, filters, abortSignal }),
  );
  return containers.map(({ Id: id, Names: [name = ''], Labels }) => {
    const place = `the label of container ${name.slice(1)}`;
    return { ...parseLease(Labels[labels.lease] ?? '', place), id, name: name.slice(1) };
  });
}

/** Frees the name. One that another taker set aside, or removed, is fine. */
async function setAside(docker: Docker, { id, name }: FoundLease, options: CallOptions): Promise<void> {
  try {
    await engineCall(`set the lease of a dead owner aside`, options, (abortSignal) =>
      docker.getContainer(id).rename({ name: `${name}.${id.slice(0, 12)}`, abortSignal }),
    );
  } catch (error) {
    // 400: it has the new name already.
    if (!isMissing(error) && !isConflict(error) && statusOf(error) !== 400) throw error;
  }
}

/** Undefined when the name is taken. */
async function create(
  docker: Docker,
  options: ContainerLeaseOptions & { name: string; facts: LeaseFacts },
): Promise<string | undefined> {
  const { testnet, name, facts } = options;
  let missing: unknown;
  for (const image of await imagesToTry(docker, options)) {
    try {
      const container = await engineCall(`take the lease of ${testnet}`, options, (abortSignal) =>
        docker.createContainer({
          name,
          Image: image,
          // Never run, but an image without a command of its own cannot make a container.
          Cmd: ['never-started'],
          Labels: {
            [labels.testnet]: testnet,
            [labels.helper]: 'lease',
            [labels.lease]: JSON.stringify(facts),
          },
          HostConfig: { NetworkMode: 'none' },
          abortSignal,
        }),
      );
      return container.id;
    } catch (error) {
      if (isConflict(error)) return undefined;
      if (!isMissing(error)) throw error;
      missing = error;
    }
  }
  throw new LabError(
    `the lease of ${testnet} needs an image, and the engine has none${missing === undefined ? '' : ` (${messageOf(missing)})`}`,
    { cause: missing },
  );
}

/** The testnet's images first; when those are gone any other does, for nothing of it is used. */
async function imagesToTry(docker: Docker, { images, ...options }: ContainerLeaseOptions): Promise<string[]> {
  const all = await engineCall('list images', options, (abortSignal) => docker.listImages({ abortSignal }));
  const known = new Set(all.map(({ Id }) => Id));
  return [...new Set([...images.filter((id) => known.has(id)), ...known])];
}

/** A name that is taken by something without our labels stays taken. */
async function requireLease(docker: Docker, name: string, testnet: string, options: CallOptions): Promise<void> {
  try {
    const facts = await engineCall(`look at container ${name}`, options, (abortSignal) =>
      docker.getContainer(name).inspect({ abortSignal }),
    );
    const found: Record<string, string | undefined> = facts.Config.Labels;
    if (found[labels.testnet] === testnet && found[labels.lease] !== undefined) return;
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  throw new LabError(
    `container ${name} holds the name of the lease of ${testnet}, but lacks its labels and is left alone; if it is yours: docker rm -f ${name}`,
    { details: { testnet, container: name } },
  );
}

async function remove(docker: Docker, { id, name }: FoundLease, options: CallOptions): Promise<void> {
  try {
    await engineCall(`remove container ${name}`, options, (abortSignal) =>
      // Its anonymous volumes go with it; the image may declare some.
      docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
    );
  } catch (error) {
    // Gone, or just being removed by another.
    if (!isMissing(error) && !isConflict(error)) throw error;
  }
}

function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}
