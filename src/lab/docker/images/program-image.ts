import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { hashOf, sha256 } from '../../../core/canonical.ts';
import { LabError } from '../../../core/errors.ts';
import { labels } from '../../labels.ts';
import { packFiles } from '../container-files.ts';
import { engineCall } from '../engine-call.ts';
import { withUnstartedContainer } from '../helper-container.ts';
import { ordinaryUser, userOf, type ContainerUser } from '../image-user.ts';
import { archiveImage, type BuildOptions } from './build-image.ts';
import { findImage } from './resolve-image.ts';

/** Where the program of a release lies in its image. */
export const PROGRAM_PATH = '/opt/seatrial/program.mjs';

/** Raised when the same inputs would make another image. */
const LAYOUT = 1;

export interface ProgramImage {
  /** The program file. */
  program: string;
  /** `sha256:<hex>` of its content. */
  digest: string;
  /** Id of the image that holds the interpreter. */
  runtimeImage: string;
  /** The interpreter with its arguments; the program's path follows it. */
  command: readonly string[];
  /** Folders that the node's user owns, so that a fresh volume mounted there is writable. Default /data and /secrets. */
  ownedFolders?: readonly string[];
}

/**
 * The image of a release that is a program: the runtime image and one layer with the program in it. It is looked up by content
 * first, so that equal inputs give one image id for as long as the engine holds it. Runs as the runtime image's ordinary user
 * where it has one.
 */
export async function programImage(docker: Docker, image: ProgramImage, options: BuildOptions = {}): Promise<string> {
  const { program, digest, runtimeImage, command, ownedFolders = ['/data', '/secrets'] } = image;
  const key = hashOf({ digest, runtimeImage, command, ownedFolders, layout: LAYOUT });
  const name = `seatrial/program:${key.slice(0, 24)}`;
  const present = await findImage(docker, name, options);
  if (present !== undefined) return present;

  const content = await readFile(program);
  if (`sha256:${sha256(content)}` !== digest) {
    throw new LabError(`${program} has changed: its content is no longer ${digest}`, { details: { program, digest } });
  }
  const user = await programUser(docker, runtimeImage, options);
  const layer = await packFiles([
    { name: 'opt/', mode: 0o755, uid: 0, gid: 0 },
    { name: 'opt/seatrial/', mode: 0o755, uid: 0, gid: 0 },
    { name: PROGRAM_PATH.slice(1), mode: 0o644, uid: 0, gid: 0, content },
    ...ownedFolders.map((folder) => ({ name: `${folder.slice(1)}/`, mode: 0o700, ...user })),
  ]);
  const dockerfile = [
    `FROM ${runtimeImage}`,
    'ADD layer.tar /',
    `USER ${user.uid}:${user.gid}`,
    `ENTRYPOINT ${JSON.stringify([...command, PROGRAM_PATH])}`,
    'CMD []',
    '',
  ].join('\n');
  const root = { mode: 0o644, uid: 0, gid: 0 };
  const archive = await packFiles([
    { name: 'Dockerfile', ...root, content: Buffer.from(dockerfile) },
    { name: 'layer.tar', ...root, content: layer },
  ]);
  const settings = { t: name, labels: { [labels.program]: key } };
  return archiveImage(docker, `make an image of ${program}`, archive, settings, options);
}

/** The user that the runtime image names, else its ordinary user, else root. */
async function programUser(docker: Docker, runtimeImage: string, options: BuildOptions): Promise<ContainerUser> {
  const call = { signal: options.signal };
  const facts = await engineCall(`inspect image ${runtimeImage}`, call, () => docker.getImage(runtimeImage).inspect());
  return withUnstartedContainer(docker, { purpose: 'user-lookup', image: runtimeImage }, call, async (container) => {
    const own = await userOf(container, facts.Config.User, call);
    return own.uid === 0 ? ((await ordinaryUser(container, call)) ?? own) : own;
  });
}
