import type Docker from 'dockerode';
import type { Properties } from '../../plugin/properties.ts';
import type { State } from '../resource-kind.ts';
import { updatableOptions } from './create-options.ts';
import type { ContainerInputs, NetworkAttachmentInput } from './inputs.ts';

const bytesPerMiB = 1024 * 1024;

/**
 * The old inputs, with what was changed behind Pulumi's back put in: the name, what `docker update` can change, and the
 * networks. Nothing else of a container can change. A stopped container is no drift: whether it should run, a gate decides.
 */
export function observedInputs(olds: Properties, container: Docker.ContainerInspectInfo): State {
  const inputs = olds as unknown as ContainerInputs;
  const wanted = updatableOptions(inputs);
  const host = container.HostConfig;
  const observed: State = { ...olds, name: container.Name.replace(/^\//, '') };
  const restart = host.RestartPolicy?.Name || 'no';
  if (restart !== (inputs.restart || 'no')) observed['restart'] = restart;
  const retries = host.RestartPolicy?.MaximumRetryCount ?? 0;
  if (inputs.maxRetryCount !== undefined && retries !== inputs.maxRetryCount) observed['maxRetryCount'] = retries;
  if (inputs.cpuShares !== undefined && host.CpuShares !== inputs.cpuShares) observed['cpuShares'] = host.CpuShares;
  if (wanted.Memory !== undefined && host.Memory !== wanted.Memory) observed['memory'] = toMiB(host.Memory);
  // An engine that cannot limit swap says -1, whatever it was asked for.
  if (inputs.memorySwap !== undefined && host.MemorySwap !== -1 && host.MemorySwap !== wanted.MemorySwap) {
    observed['memorySwap'] = toMiB(host.MemorySwap);
  }
  const networks = inputs.networksAdvanced ?? [];
  const present = networks.filter((network) => isAttached(network, container));
  if (present.length < networks.length) observed['networksAdvanced'] = present as unknown as Properties[];
  return observed;
}

function toMiB(sizeBytes: number | undefined): number {
  return sizeBytes === undefined || sizeBytes <= 0 ? (sizeBytes ?? 0) : Math.round(sizeBytes / bytesPerMiB);
}

function isAttached({ name }: NetworkAttachmentInput, container: Docker.ContainerInspectInfo): boolean {
  return Object.entries(container.NetworkSettings.Networks).some(
    ([networkName, network]) => networkName === name || network.NetworkID === name,
  );
}
