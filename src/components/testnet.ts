import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { networkOf, nodeContainer } from '../topology/container.ts';
import { testnetLabel } from '../topology/labels.ts';
import { monitoringContainers } from '../topology/monitoring/containers.ts';
import type { Topology } from '../topology/topology.ts';
import { labelArguments } from './container-arguments.ts';
import { Member } from './member.ts';

export interface TestnetArguments {
  topology: Topology;
  /** `unix://` address of the Docker engine. It goes into the state: who destroys the testnet reaches the same engine. */
  dockerHost: string;
}

/**
 * A testnet on one Docker engine: its network, its nodes and its monitoring. The members' containers are registered when they
 * are released, each by itself.
 */
export class Testnet extends pulumi.ComponentResource {
  readonly nodes: ReadonlyMap<string, Member>;
  readonly services: readonly Member[];

  constructor({ topology, dockerHost }: TestnetArguments) {
    const { testnet } = topology;
    super('seatrial:docker:Testnet', testnet);
    const { name, subnet, gateway } = networkOf(topology);
    const provider = new docker.Provider(`${testnet}-engine`, { host: dockerHost }, { parent: this });
    const network = new docker.Network(
      `${testnet}-network`,
      {
        name,
        driver: 'bridge',
        ipamConfigs: [{ subnet, gateway }],
        labels: labelArguments({ [testnetLabel]: testnet }),
      },
      { parent: this, provider },
    );
    const options = { parent: this, providers: { docker: provider } };
    this.nodes = new Map(
      topology.nodes.map((node) => {
        const definition = nodeContainer(topology, node);
        return [node.name, new Member('Node', { definition, network }, options)];
      }),
    );
    this.services = monitoringContainers(topology).map(
      (definition) => new Member('Service', { definition, network }, options),
    );
    this.registerOutputs({ network: network.name });
  }
}
