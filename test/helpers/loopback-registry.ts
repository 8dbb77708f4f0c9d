import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { packFiles } from '../../src/lab/docker/container-files.ts';

export interface LoopbackRegistry {
  /** A reference that an engine on this machine can pull. */
  reference: string;
  /** `sha256:…` of the image's configuration, which is the id it has on an engine without a containerd image store. */
  imageId: string;
  /** Paths that were asked for. */
  requests: string[];
  close(): Promise<void>;
}

/** A registry on loopback that serves one tiny image, as much of the protocol as a pull needs. */
export async function startRegistry(): Promise<LoopbackRegistry> {
  const digest = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const layer = await packFiles([{ name: 'hello', mode: 0o644, uid: 0, gid: 0, content: Buffer.from('hello\n') }]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Cmd: ['/hello'] },
      rootfs: { type: 'layers', diff_ids: [digest(layer)] },
    }),
  );
  const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: digest(config),
      },
      layers: [
        { mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size: layer.length, digest: digest(layer) },
      ],
    }),
  );
  const blobs = new Map([config, layer].map((content) => [digest(content), content]));
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const blob = blobs.get(path.split('/').at(-1) ?? '');
    if (path === '/v2/') response.end('{}');
    else if (/^\/v2\/tiny\/manifests\/(1|sha256:[0-9a-f]+)$/.test(path)) {
      const headers = { 'content-type': manifestType, 'docker-content-digest': digest(manifest) };
      response.writeHead(200, { ...headers, 'content-length': manifest.length });
      response.end(request.method === 'HEAD' ? undefined : manifest);
    } else if (blob) {
      response.writeHead(200, { 'content-length': blob.length });
      response.end(request.method === 'HEAD' ? undefined : blob);
    } else {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
    }
  });
  const port = await listenOnLoopback(server);
  return {
    reference: `127.0.0.1:${port}/tiny:1`,
    imageId: digest(config),
    requests,
    close: () => closeServer(server),
  };
}

export async function listenOnLoopback(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
