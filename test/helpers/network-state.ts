import type Docker from 'dockerode';
import { FrameDecoder } from '../../src/lab/docker/output-frames.ts';

/** Rules, shaping, addresses and routes of a container's network, without counters. */
export async function networkState(docker: Docker, toolbox: string, container: string): Promise<string> {
  return inNetwork(docker, toolbox, container, 'nft -s list ruleset 2>/dev/null; tc qdisc show; ip route; ip -o addr');
}

/** Runs a shell script in a container's network, with the right to change it. */
export async function inNetwork(docker: Docker, toolbox: string, container: string, script: string): Promise<string> {
  const helper = await docker.createContainer({
    Image: toolbox,
    Entrypoint: ['/bin/sh', '-c', script],
    HostConfig: { NetworkMode: `container:${container}`, CapDrop: ['ALL'], CapAdd: ['NET_ADMIN'] },
  });
  try {
    await helper.start();
    const { StatusCode } = (await helper.wait()) as { StatusCode: number };
    const frames = new FrameDecoder().push(await helper.logs({ stdout: true, stderr: true }));
    const said = frames.map(({ content }) => content.toString('utf8')).join('');
    if (StatusCode !== 0) throw new Error(`${script} ended with ${StatusCode}: ${said}`);
    return said;
  } finally {
    await helper.remove({ force: true });
  }
}
