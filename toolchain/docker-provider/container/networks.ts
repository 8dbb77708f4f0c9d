import type Docker from 'dockerode';
import { type EngineCall, engineMessage, isStatus } from '../engine.ts';
import type { ContainerInputs, NetworkAttachmentInput } from './inputs.ts';

/**
 * Attaches a container that was created on the default bridge to its networks, before its first start. The bridge is left,
 * unless it is one of them. Networks that it is attached to already are passed over.
 */
export async function joinNetworks(
  call: EngineCall,
  container: Docker.Container,
  inputs: ContainerInputs,
): Promise<void> {
  const networks = inputs.networksAdvanced ?? [];
  if (networks.length === 0) return;
  const { docker } = call;
  if (inputs.networkMode === 'bridge' && !networks.some(isPlainBridge)) {
    await docker
      .getNetwork('bridge')
      .disconnect({ Container: container.id })
      .catch((error: unknown) => {
        if (!engineMessage(error).includes('is not connected')) throw error;
      });
  }
  for (const network of networks) {
    if (isPlainBridge(network)) continue;
    try {
      await docker.getNetwork(network.name).connect({
        Container: container.id,
        EndpointConfig: {
          ...(network.ipv4Address ? { IPAMConfig: { IPv4Address: network.ipv4Address } } : {}),
          ...(network.aliases ? { Aliases: network.aliases } : {}),
        },
      });
    } catch (error) {
      const message = engineMessage(error);
      if (isStatus(error, 403) && message.includes('already exists in network')) continue;
      throw new Error(`Unable to connect to network '${network.name}': ${message}`, { cause: error });
    }
  }
}

/** The default bridge takes neither addresses nor aliases; asking for them gives the engine's own error. */
function isPlainBridge({ name, ipv4Address, aliases }: NetworkAttachmentInput): boolean {
  return name === 'bridge' && !ipv4Address && !aliases?.length;
}
