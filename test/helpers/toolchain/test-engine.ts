import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pack } from 'tar-stream';

const run = promisify(execFile);
const label = 'seatrial.test.image';

/** The engine that tests run on: DOCKER_HOST where it is set, else the usual socket. */
export const engineHost = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';

export function testEngine(): Docker {
  return new Docker({ socketPath: engineHost.replace(/^unix:\/\//, '') });
}

/** Starts every name that a test gives to a Docker object, so that it removes no other's. */
export function uniquePrefix(): string {
  return `stc-${randomBytes(4).toString('hex')}`;
}

/** Two images from scratch with the same one static program in it, under several names; made once per machine. Their ids. */
export async function testImages(docker: Docker): Promise<[string, string]> {
  return [await importImage(docker, 1), await importImage(docker, 2)];
}

async function importImage(docker: Docker, edition: 1 | 2): Promise<string> {
  const source = join(import.meta.dirname, 'probe.c');
  const tag = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12);
  const name = `seatrial-test-probe:${tag}-${edition}`;
  const present = await docker.listImages({ filters: { reference: [name] } });
  if (present[0] !== undefined) return present[0].Id;
  const [repo, imageTag] = name.split(':');
  const options = { repo, tag: imageTag, changes: `LABEL ${label}=${edition}` };
  const progress: NodeJS.ReadableStream = await docker.importImage(
    Readable.from([await imageArchive(source, edition)]),
    options,
  );
  for await (const line of progress) if (String(line).includes('errorDetail')) throw new Error(String(line));
  return (await docker.getImage(name).inspect()).Id;
}

async function imageArchive(source: string, edition: number): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'seatrial-probe-'));
  try {
    const program = join(folder, 'probe');
    await run('gcc', ['-static', '-O1', '-o', program, source]);
    const archive = pack();
    archive.entry({ name: 'edition', mtime: new Date(0) }, `${edition}\n`);
    archive.entry({ name: 'bin/sleep', mode: 0o755, mtime: new Date(0) }, await readFile(program));
    for (const name of ['true', 'false', 'stubborn']) {
      archive.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'sleep', mtime: new Date(0) });
    }
    archive.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of archive) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes everything whose name starts with the prefix. */
export async function removeAll(docker: Docker, prefix: string): Promise<void> {
  const filters = { name: [prefix] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true });
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes) await docker.getVolume(Name).remove();
}
