import type { NetworkInspectInfo } from 'dockerode';
import type { Properties, PropertyValue } from '../plugin/properties.ts';
import { type EngineCall, engineMessage, isStatus, unlessStatus } from './engine.ts';
import { fromLabels, type LabelInput, toLabels } from './labels.ts';
import { RefusedByEngine, type ResourceKind, type State } from './resource-kind.ts';
import { networkSchema } from './schema/network.ts';

interface IpamConfigInput {
  subnet?: string;
  gateway?: string;
  ipRange?: string;
  auxAddress?: Record<string, string>;
}

interface NetworkInputs {
  name: string;
  driver?: string;
  attachable?: boolean;
  internal?: boolean;
  ipamDriver: string;
  ipamConfigs?: IpamConfigInput[];
  ipv6?: boolean;
  labels?: LabelInput[];
  options?: Record<string, string>;
}

export const networkKind: ResourceKind = {
  schema: networkSchema,
  computed: ['scope'],

  async create(call, properties) {
    const { docker, deadline } = call;
    const inputs = properties as unknown as NetworkInputs;
    let id: string;
    try {
      const network = await docker.createNetwork({
        Name: inputs.name,
        // Docker takes two networks of one name unless it is asked not to.
        CheckDuplicate: true,
        Driver: inputs.driver ?? 'bridge',
        Attachable: inputs.attachable ?? false,
        Internal: inputs.internal ?? false,
        EnableIPv6: inputs.ipv6 ?? false,
        IPAM: { Driver: inputs.ipamDriver, Config: (inputs.ipamConfigs ?? []).map(toIpamConfig) },
        Labels: fromLabels(inputs.labels),
        Options: inputs.options ?? {},
        abortSignal: deadline,
      });
      id = network.id;
    } catch (error) {
      throw new RefusedByEngine(`Unable to create network: ${engineMessage(error)}`, error);
    }
    const network: NetworkInspectInfo = await docker.getNetwork(id).inspect();
    return { id, state: networkState(properties, network) };
  },

  async read(call, id, inputs) {
    const network = await inspect(call, id);
    if (network === undefined) return undefined;
    const observed = { ...inputs, name: network.Name };
    return { id: network.Id, state: networkState(observed, network), inputs: observed };
  },

  async update(call, id, news) {
    const network = await inspect(call, id);
    if (network === undefined)
      throw new RefusedByEngine(`Unable to update network ${id}: it does not exist`, undefined);
    return networkState(news, network);
  },

  async delete({ docker, deadline }, id) {
    try {
      await unlessStatus(docker.getNetwork(id).remove({ abortSignal: deadline }), 404);
    } catch (error) {
      if (!isStatus(error, 403, 409)) throw error;
      throw new RefusedByEngine(`Unable to remove network ${id}: ${engineMessage(error)}`, error);
    }
  },
};

function inspect({ docker }: EngineCall, id: string): Promise<NetworkInspectInfo | undefined> {
  const network: Promise<NetworkInspectInfo> = docker.getNetwork(id).inspect();
  return unlessStatus(network, 404);
}

interface EngineIpamConfig {
  Subnet?: string;
  Gateway?: string;
  IPRange?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

function toIpamConfig({ subnet, gateway, ipRange, auxAddress }: IpamConfigInput): EngineIpamConfig {
  return {
    ...(subnet ? { Subnet: subnet } : {}),
    ...(gateway ? { Gateway: gateway } : {}),
    ...(ipRange ? { IPRange: ipRange } : {}),
    ...(auxAddress ? { AuxiliaryAddresses: auxAddress } : {}),
  };
}

function fromIpamConfig({ Subnet, Gateway, IPRange }: EngineIpamConfig): IpamConfigInput {
  return { subnet: Subnet ?? '', gateway: Gateway ?? '', ipRange: IPRange ?? '' };
}

function networkState(inputs: State | Properties, network: NetworkInspectInfo): State {
  const given = inputs['ipamConfigs'] as unknown as IpamConfigInput[] | undefined;
  const observed = (network.IPAM?.Config ?? []) as EngineIpamConfig[];
  const configs: IpamConfigInput[] = given ?? observed.map(fromIpamConfig);
  const ipamConfigs: PropertyValue[] = configs.map((config) => ({
    subnet: config.subnet ?? '',
    gateway: config.gateway ?? '',
    ipRange: config.ipRange ?? '',
    auxAddress: config.auxAddress ?? null,
  }));
  return {
    __meta: JSON.stringify({ schema_version: '1' }),
    attachable: network.Attachable,
    driver: network.Driver,
    ingress: network.Ingress,
    internal: network.Internal,
    ipamConfigs,
    ipamDriver: network.IPAM?.Driver ?? 'default',
    ipamOptions: network.IPAM?.Options ?? null,
    ipv6: network.EnableIPv6,
    labels: toLabels(network.Labels),
    name: network.Name,
    options: network.Options ?? {},
    scope: network.Scope,
  };
}
