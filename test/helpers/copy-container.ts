import type Docker from 'dockerode';

/**
 * Puts another container in the place of one: same name, labels, arguments, network address, ports and volumes, but for what
 * `changes` says. Uploaded files come along.
 */
export async function copyContainer(
  docker: Docker,
  facts: Docker.ContainerInspectInfo,
  changes: { Image: string },
): Promise<void> {
  const original = docker.getContainer(facts.Id);
  const files = await original.getArchive({ path: '/config' });
  const networks: Record<string, Docker.EndpointSettings> = facts.NetworkSettings.Networks;
  const [network = '', endpoint] = Object.entries(networks)[0] ?? [];
  await original.stop({ t: 5 });
  const { Cmd, Env, Labels, ExposedPorts } = facts.Config;
  await original.rename({ name: `${facts.Name.slice(1)}-replaced` });
  const copy = await docker.createContainer({
    name: facts.Name.slice(1),
    Cmd,
    Env,
    Labels,
    ExposedPorts,
    HostConfig: { ...facts.HostConfig, NetworkMode: network },
    NetworkingConfig: {
      EndpointsConfig: { [network]: { IPAMConfig: endpoint?.IPAMConfig ?? {}, Aliases: endpoint?.Aliases ?? [] } },
    },
    ...changes,
  });
  await copy.putArchive(files, { path: '/' });
  await original.remove({ force: true });
  await copy.start();
}
