import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import tar from 'tar-stream';
import { end } from './container-faults.ts';
import { askEngine, inspectContainer, mustInspect, startContainer } from './engine-client.ts';
import type { FaultDriver } from './fault-driver.ts';
import type { FaultTask } from './task.ts';

interface Before {
  /** The file as the engine's archive, in base64. */
  archive: string;
}

/** A configuration file is spoiled and the container started again. */
export function spoiledConfig(task: Extract<FaultTask, { kind: 'config' }>): FaultDriver<Before> {
  const { container, path, graceMs } = task;
  const put = async (archive: Buffer): Promise<void> => {
    await end(container, undefined, graceMs);
    const folder = encodeURIComponent(posix.dirname(path));
    const options = { body: archive, contentType: 'application/x-tar' };
    await askEngine('PUT', `/containers/${container}/archive?path=${folder}`, options);
    await startContainer(container);
  };
  return {
    before: async () => {
      await mustInspect(container);
      return { archive: (await fileArchive(container, path)).toString('base64') };
    },
    inject: async ({ archive }) => put(await spoiled(Buffer.from(archive, 'base64'))),
    look: async ({ archive }) => {
      if (!(await inspectContainer(container))) {
        return { isThere: false, effect: {}, detail: 'its container was removed or replaced' };
      }
      const wanted = await contentOf(await spoiled(Buffer.from(archive, 'base64')));
      const found = await contentOf(await fileArchive(container, path));
      if (found.equals(wanted)) return { isThere: true, effect: { [path]: 'spoiled' } };
      return { isThere: false, effect: { [path]: 'changed' }, detail: `${path} was written anew` };
    },
    undo: async ({ archive }) => {
      if (await inspectContainer(container)) await put(Buffer.from(archive, 'base64'));
    },
  };
}

async function fileArchive(container: string, path: string): Promise<Buffer> {
  const query = `path=${encodeURIComponent(path)}`;
  const { status, body } = await askEngine('GET', `/containers/${container}/archive?${query}`, { accepted: [404] });
  if (status === 404) throw new Error(`it has no file ${path}`);
  return body;
}

/** The same entry with content that no parser takes: the first half of the right one, and what ends no format. */
async function spoiled(archive: Buffer): Promise<Buffer> {
  const pack = tar.pack();
  const extract = tar.extract();
  extract.end(archive);
  for await (const entry of extract) {
    if (entry.header.type !== 'file') throw new Error('it is not a file');
    const content = await buffer(entry);
    const garbage = Buffer.concat([content.subarray(0, content.length >> 1), Buffer.from('\n\0{[ "spoiled\n')]);
    pack.entry({ ...entry.header, size: garbage.length }, garbage);
  }
  pack.finalize();
  return buffer(pack);
}

async function contentOf(archive: Buffer): Promise<Buffer> {
  const extract = tar.extract();
  extract.end(archive);
  for await (const entry of extract) return buffer(entry);
  return Buffer.alloc(0);
}
