import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import type { ContainerDefinition } from '../topology/container-definition.ts';
import { containerArguments, labelArguments } from './container-arguments.ts';
import { registered } from './registered.ts';

export interface MemberArguments {
  definition: ContainerDefinition;
  network: docker.Network;
}

/**
 * A node or a monitoring service: its volumes, and its container once that is released. The volumes come first, so that the
 * secrets can be put into theirs before the container starts.
 */
export class Member extends pulumi.ComponentResource {
  readonly definition: ContainerDefinition;
  readonly #network: docker.Network;
  readonly #volumes: docker.Volume[];

  constructor(
    kind: 'Node' | 'Service',
    { definition, network }: MemberArguments,
    options: pulumi.ComponentResourceOptions,
  ) {
    super(`seatrial:docker:${kind}`, definition.name, {}, options);
    this.definition = definition;
    this.#network = network;
    this.#volumes = definition.volumes.map(
      ({ volumeName, labels }) =>
        new docker.Volume(
          volumeName,
          { name: volumeName, labels: labelArguments(labels) },
          // A changed label would replace the volume and lose the data.
          { parent: this, ignoreChanges: ['labels'] },
        ),
    );
  }

  /** Resolves when the volumes exist. */
  async volumesExist(): Promise<void> {
    await Promise.all(this.#volumes.map((volume) => registered(volume.id)));
  }

  /** Registers the container: the engine makes or replaces it now, if it is not as defined. Called once. */
  release(): docker.Container {
    const { name, volumes, ipv4Address, aliases } = this.definition;
    const container = new docker.Container(
      `${name}-container`,
      {
        ...containerArguments(this.definition),
        networksAdvanced: [{ name: this.#network.name, ipv4Address, aliases }],
        volumes: volumes.map(({ containerPath, readOnly }, index) => ({
          volumeName: this.#volumes[index]?.name,
          containerPath,
          readOnly,
        })),
      },
      {
        parent: this,
        // Two containers cannot have one name, address and port.
        deleteBeforeReplace: true,
        // Docker cannot change it in place, though the provider may report that it did.
        replaceOnChanges: ['healthcheck'],
      },
    );
    this.registerOutputs({ address: ipv4Address });
    return container;
  }
}
