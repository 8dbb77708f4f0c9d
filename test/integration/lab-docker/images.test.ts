import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { AbortedError, LabError, UsageError } from '../../../src/core/errors.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { httpHealthcheck } from '../../../src/lab/docker/healthcheck.ts';
import { contextImage } from '../../../src/lab/docker/images/build-image.ts';
import { defaultImages } from '../../../src/lab/docker/images/default-images.ts';
import { buildLocalImages } from '../../../src/lab/docker/images/local-images.ts';
import { PROGRAM_PATH, programImage } from '../../../src/lab/docker/images/program-image.ts';
import { resolveImage } from '../../../src/lab/docker/images/resolve-image.ts';
import { FrameDecoder } from '../../../src/lab/docker/output-frames.ts';
import { resolveImages } from '../../../src/lab/docker/images/resolve-images.ts';
import { dockerForTests, suiteTitle } from '../../helpers/docker-suite.ts';
import { closeServer, listenOnLoopback, startRegistry } from '../../helpers/loopback-registry.ts';

const context = await dockerForTests(['node-runtime', 'prometheus', 'alertmanager', 'toolbox']);
const sample = fileURLToPath(new URL('../../fixtures/sample-node/sample-node.mjs', import.meta.url));

describe.skipIf(context.missing !== undefined)(
  suiteTitle('images on a Docker engine', context),
  { timeout: 60_000 },
  () => {
    let docker: Docker;
    let runtime: string;
    let images: Record<string, string | undefined>;
    let folder: string;
    const made: string[] = [];

    beforeAll(async () => {
      if (context.missing !== undefined) return;
      docker = context.engine.docker;
      images = context.images;
      runtime = images['node-runtime'] ?? '';
      folder = await mkdtemp(join(tmpdir(), 'seatrial-'));
    });

    afterAll(async () => {
      for (const id of new Set(made)) await docker.getImage(id).remove({ force: true });
      await rm(folder, { recursive: true, force: true });
    });

    const output = async (image: string, command: string[]): Promise<string> => {
      const [program, ...args] = command;
      const container = await docker.createContainer({
        Image: image,
        Entrypoint: [program ?? ''],
        Cmd: args,
      });
      try {
        await container.start();
        await container.wait();
        const frames = new FrameDecoder().push(await container.logs({ stdout: true, stderr: true }));
        return frames.map(({ content }) => content.toString('utf8')).join('');
      } finally {
        await container.remove({ force: true });
      }
    };

    describe('resolving a reference', () => {
      test('an image that is here is given by its id, asked for by name or by id', async () => {
        expect(runtime).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(await resolveImage(docker, runtime)).toBe(runtime);
      });

      test('one that is not here is pulled, with progress', async () => {
        const registry = await startRegistry();
        try {
          const progress: string[] = [];
          const id = await resolveImage(docker, registry.reference, { onProgress: (line) => progress.push(line) });
          made.push(id);
          expect(id).toMatch(/^sha256:/);
          expect(progress.join('\n')).toContain('Pull complete');
          const asked = registry.requests.length;
          expect(await resolveImage(docker, registry.reference)).toBe(id);
          expect(registry.requests).toHaveLength(asked);
        } finally {
          await registry.close();
        }
      });

      test('one that its registry does not know: the error names it, the reason and the offline way', async () => {
        const registry = await startRegistry();
        try {
          const reference = registry.reference.replace('tiny', 'unknown');
          const error = await resolveImage(docker, reference).catch((thrown: unknown) => thrown);
          expect(error).toBeInstanceOf(LabError);
          expect(String(error)).toContain(reference);
          expect(String(error)).toMatch(/manifest .*unknown|not found/);
          expect(String(error)).toContain('`seatrial images`');
        } finally {
          await registry.close();
        }
      });

      test('a registry that says nothing is given up after the limit, and at once on abort', async () => {
        const silent = createServer(() => undefined);
        const reference = `127.0.0.1:${await listenOnLoopback(silent)}/tiny:1`;
        try {
          await expect(resolveImage(docker, reference, { silenceMs: 200 })).rejects.toThrow(/said nothing for 200 ms/);
          const signal = AbortSignal.timeout(100);
          await expect(resolveImage(docker, reference, { signal })).rejects.toThrow(AbortedError);
        } finally {
          await closeServer(silent);
        }
      });

      test('what is no reference at all is the author’s mistake, and an unknown id cannot be pulled', async () => {
        await expect(resolveImage(docker, 'NOT a reference')).rejects.toThrow(UsageError);
        await expect(resolveImage(docker, `sha256:${'0'.repeat(64)}`)).rejects.toThrow(/an id cannot be pulled/);
      });

      test('defaults take what the engine holds; an image that the file names is never replaced by another', async () => {
        const wanted = { prometheus: defaultImages.prometheus.registry, 'node-runtime': runtime };
        expect(await resolveImages(docker, wanted)).toEqual({
          prometheus: images['prometheus'],
          'node-runtime': runtime,
        });
        const closed = createServer();
        const reference = `127.0.0.1:${await listenOnLoopback(closed)}/prometheus:1`;
        await closeServer(closed);
        await expect(resolveImages(docker, { prometheus: reference })).rejects.toThrow(
          `image ${reference} is not here`,
        );
      });
    });

    describe('an image of a program', () => {
      const digestOf = async (path: string): Promise<string> => `sha256:${sha256(await readFile(path))}`;

      test('equal inputs give one id, another program another', async () => {
        const base = { runtimeImage: runtime, command: ['node', '--no-warnings'] };
        const copy = join(folder, 'copy.mjs');
        await writeFile(copy, await readFile(sample));
        const other = join(folder, 'other.mjs');
        await writeFile(other, 'console.log("other")\n');
        const first = await programImage(docker, { ...base, program: sample, digest: await digestOf(sample) });
        const second = await programImage(docker, { ...base, program: copy, digest: await digestOf(copy) });
        const third = await programImage(docker, { ...base, program: other, digest: await digestOf(other) });
        made.push(first, third);
        expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(second).toBe(first);
        expect(third).not.toBe(first);
        const { Config } = await docker.getImage(third).inspect();
        expect(Config.Entrypoint).toEqual(['node', '--no-warnings', PROGRAM_PATH]);
        expect(await output(third, ['node', PROGRAM_PATH])).toBe('other\n');
      });

      test('runs as the runtime’s ordinary user, who owns the folders for volumes', async () => {
        const digest = await digestOf(sample);
        const id = await programImage(docker, { program: sample, digest, runtimeImage: runtime, command: ['node'] });
        made.push(id);
        expect(await output(id, ['stat', '-c', '%u:%g %a %n', '/data', '/secrets', PROGRAM_PATH])).toBe(
          `1000:1000 700 /data\n1000:1000 700 /secrets\n0:0 644 ${PROGRAM_PATH}\n`,
        );
        expect(await output(id, ['id', '-u'])).toBe('1000\n');
      });

      test('a program that is not what its digest says makes no image', async () => {
        const wrong = { program: sample, digest: `sha256:${'0'.repeat(64)}`, runtimeImage: runtime, command: ['node'] };
        await expect(programImage(docker, wrong)).rejects.toThrow(/has changed/);
      });
    });

    describe('an image of a build context', () => {
      test('is built with its arguments; the same context again gives the same id', async () => {
        await writeFile(
          join(folder, 'Dockerfile'),
          `FROM ${runtime}\nARG WORD\nCOPY file.txt /file.txt\nENV WORD=$WORD\n`,
        );
        await writeFile(join(folder, 'file.txt'), 'content\n');
        const first = await contextImage(docker, { context: folder, args: { WORD: 'hello' } });
        made.push(first);
        expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(await output(first, ['sh', '-c', 'cat /file.txt; echo $WORD'])).toBe('content\nhello\n');
        expect(await contextImage(docker, { context: folder, args: { WORD: 'hello' } })).toBe(first);
      });

      test('that fails ends with the engine’s reason and the lines before it', async () => {
        await writeFile(join(folder, 'Broken'), `FROM ${runtime}\nRUN echo so far; exit 3\n`);
        const error = await contextImage(docker, { context: folder, dockerfile: 'Broken' }).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(LabError);
        expect(String(error)).toMatch(/non-zero code: 3[^]*so far/);
      });

      test('without a Dockerfile is the author’s mistake', async () => {
        await expect(contextImage(docker, { context: folder, dockerfile: 'None' })).rejects.toThrow(UsageError);
      });
    });

    describe('local images', () => {
      test('that are there are left alone within half a second', async ({ skip }) => {
        const local = await docker
          .getImage(defaultImages['node-runtime'].local ?? '')
          .inspect()
          .catch(() => undefined);
        if (!local) skip('the runtime image came from a registry');
        const [image] = await buildLocalImages(docker, { which: ['node-runtime'] });
        expect(image).toMatchObject({ name: 'node-runtime', state: 'present', id: local?.Id });
        expect(image?.elapsedMs).toBeLessThan(500);
      });

      test('the toolbox has what faults are made with, and nothing that asks the network', async () => {
        const command = 'node --version && nft --version && tc -Version && prlimit --version';
        const said = await output(images['toolbox'] ?? '', ['/bin/sh', '-c', command]);
        expect(said).toMatch(/^v2\d[^]*nftables v1[^]*iproute2[^]*util-linux/);
        expect(
          await output(images['toolbox'] ?? '', ['/bin/sh', '-c', 'command -v curl wget apt-get || echo none']),
        ).toBe('none\n');
      });

      test.each([
        { name: 'prometheus', port: 9090, args: ['--config.file=/etc/prometheus/prometheus.yml'] },
        { name: 'alertmanager', port: 9093, args: undefined },
      ])('$name runs without root, and its health check tells ready from not', async ({ name, port, args }) => {
        const probe = async (path: string): Promise<string> => {
          const container = await docker.createContainer({
            Image: images[name] ?? '',
            ...(args ? { Cmd: args } : {}),
            Healthcheck: { Test: httpHealthcheck({ port, path }), Interval: 3e8, Timeout: 2e9, Retries: 3 },
          });
          try {
            await container.start();
            return await waitFor(
              async () => {
                const { State } = await container.inspect();
                if (!State.Running) throw new Error(`it ended with ${State.ExitCode}`);
                return State.Health?.Status === 'starting' ? undefined : State.Health?.Status;
              },
              { clock: systemClock, what: `${name} to be judged`, timeoutMs: 20_000 },
            );
          } finally {
            await container.remove({ force: true, v: true });
          }
        };
        expect(await probe('/-/ready')).toBe('healthy');
        expect(await probe('/no-such-page')).toBe('unhealthy');
        expect((await docker.getImage(images[name] ?? '').inspect()).Config.User).toMatch(/^(nobody|65534)/);
      });
    });
  },
);
