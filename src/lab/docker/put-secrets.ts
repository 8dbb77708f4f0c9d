import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type Docker from 'dockerode';
import { LabError } from '../../core/errors.ts';
import type { CallOptions } from '../lab.ts';
import { getFile, putFiles, type ContainerFile } from './container-files.ts';
import { engineCall } from './engine-call.ts';
import { withUnstartedContainer } from './helper-container.ts';
import { userOf, type ContainerUser } from './image-user.ts';

interface SecretFile {
  /** Absolute path as the node sees it, below `mountPath`. */
  path: string;
  /** The 0600 file on the operator's machine. */
  sourceFile: string;
  /** Default 0o600. */
  mode?: number;
}

export interface PutSecretsOptions extends CallOptions {
  /** The volume; it must exist, so that its owner (Pulumi) has given it its labels. */
  volumeName: string;
  /** Where the node mounts the volume. */
  mountPath: string;
  /** Id of the image that the node runs; the files will belong to its user. */
  image: string;
  files: readonly SecretFile[];
}

/**
 * Puts secret files into a node's volume. They travel over the engine's socket only: never as an argument, environment variable
 * or label. Files that are there already and equal are left alone; resolves to the number of files written.
 */
export async function putSecrets(docker: Docker, secrets: PutSecretsOptions): Promise<number> {
  const { volumeName, mountPath, image, files } = secrets;
  const options: CallOptions = {
    signal: secrets.signal,
    ...(secrets.timeoutMs === undefined ? {} : { timeoutMs: secrets.timeoutMs }),
  };
  for (const { path } of files) {
    if (!path.startsWith(`${mountPath}/`) || posix.normalize(path) !== path) {
      throw new LabError(`secret file ${path} is not below ${mountPath}, where volume ${volumeName} is mounted`);
    }
  }
  await engineCall(`find volume ${volumeName}`, options, () => docker.getVolume(volumeName).inspect());
  const facts = await engineCall(`inspect image ${image}`, options, () => docker.getImage(image).inspect());
  const helper = { purpose: 'secrets', image, volume: { name: volumeName, mountPath } };
  return withUnstartedContainer(docker, helper, options, async (container) => {
    const user = await userOf(container, facts.Config.User, options);
    const missing: ContainerFile[] = [];
    for (const file of files) {
      const wanted: ContainerFile = {
        name: file.path.slice(1),
        mode: file.mode ?? 0o600,
        ...user,
        content: await readFile(file.sourceFile),
      };
      if (!isEqual(await getFile(container, file.path, options), wanted)) missing.push(wanted);
    }
    if (missing.length === 0) return 0;
    const folders = await foldersFor(container, mountPath, missing, user, options);
    await putFiles(container, '/', [...folders, ...missing], options);
    return missing.length;
  });
}

function isEqual(found: ContainerFile | undefined, wanted: ContainerFile): boolean {
  return (
    found?.content !== undefined &&
    wanted.content !== undefined &&
    found.content.equals(wanted.content) &&
    found.mode === wanted.mode &&
    found.uid === wanted.uid &&
    found.gid === wanted.gid
  );
}

/** The folders between the volume's root and the files, made private to the node's user; one that is there keeps its mode. */
async function foldersFor(
  container: Docker.Container,
  mountPath: string,
  files: readonly ContainerFile[],
  user: ContainerUser,
  options: CallOptions,
): Promise<ContainerFile[]> {
  const paths = new Set<string>([mountPath]);
  for (const file of files) {
    for (let path = posix.dirname(`/${file.name}`); path !== mountPath; path = posix.dirname(path)) paths.add(path);
  }
  const folders: ContainerFile[] = [];
  for (const path of [...paths].sort()) {
    const found = await getFile(container, path, options);
    if (found?.uid === user.uid) continue;
    folders.push({ name: `${path.slice(1)}/`, mode: found?.mode ?? 0o700, ...user });
  }
  return folders;
}
