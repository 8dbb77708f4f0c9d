import type Docker from 'dockerode';
import { LabError } from '../../core/errors.ts';
import type { CallOptions } from '../lab.ts';
import { getFile } from './container-files.ts';

export interface ContainerUser {
  uid: number;
  gid: number;
}

interface PasswdEntry extends ContainerUser {
  name: string;
}

/** The user that containers of an image run as; `container` is any container of that image, started or not. */
export async function userOf(
  container: Docker.Container,
  imageUser: string,
  options: CallOptions,
): Promise<ContainerUser> {
  const [user = '', group] = imageUser.split(':');
  if (user === '') return { uid: 0, gid: 0 };
  if (/^\d+$/.test(user) && group !== undefined && /^\d+$/.test(group))
    return { uid: Number(user), gid: Number(group) };
  const entry = (await passwd(container, options)).find(({ name, uid }) => name === user || String(uid) === user);
  if (entry) return { uid: entry.uid, gid: group !== undefined && /^\d+$/.test(group) ? Number(group) : entry.gid };
  if (/^\d+$/.test(user)) return { uid: Number(user), gid: 0 };
  throw new LabError(`the image runs as user "${user}", whom its /etc/passwd does not know`);
}

/** The first user of an image who is neither root nor a system account. */
export async function ordinaryUser(
  container: Docker.Container,
  options: CallOptions,
): Promise<ContainerUser | undefined> {
  const entry = (await passwd(container, options)).find(({ uid }) => uid >= 1000 && uid < 60_000);
  return entry && { uid: entry.uid, gid: entry.gid };
}

async function passwd(container: Docker.Container, options: CallOptions): Promise<PasswdEntry[]> {
  const file = await getFile(container, '/etc/passwd', options);
  return parsePasswd(file?.content?.toString('utf8') ?? '');
}

/** The entries of an /etc/passwd; lines that are none are passed over. */
export function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    return /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
