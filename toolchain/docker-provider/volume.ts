import { canonicalJson } from '../../src/core/canonical.ts';
import type { Properties } from '../plugin/properties.ts';
import { type EngineCall, engineMessage, isStatus, unlessStatus } from './engine.ts';
import { fromLabels, type LabelInput, toLabels } from './labels.ts';
import { RefusedByEngine, type ResourceKind, type State } from './resource-kind.ts';
import { volumeSchema } from './schema/volume.ts';
import type { VolumeInspectInfo } from 'dockerode';

interface VolumeInputs {
  name: string;
  driver?: string;
  driverOpts?: Record<string, string>;
  labels?: LabelInput[];
}

export const volumeKind: ResourceKind = {
  schema: volumeSchema,
  computed: ['mountpoint'],

  async create({ docker, deadline }, properties) {
    const inputs = properties as unknown as VolumeInputs;
    try {
      await docker.createVolume({
        Name: inputs.name,
        ...(inputs.driver === undefined ? {} : { Driver: inputs.driver }),
        DriverOpts: inputs.driverOpts ?? {},
        Labels: fromLabels(inputs.labels),
        abortSignal: deadline,
      });
    } catch (error) {
      throw new RefusedByEngine(`Unable to create volume: ${engineMessage(error)}`, error);
    }
    const volume = await docker.getVolume(inputs.name).inspect({ abortSignal: deadline });
    // Docker answers a create with an existing volume of that name: somebody else's data must not end up in this state.
    if (canonicalJson(volume.Labels ?? {}) !== canonicalJson(fromLabels(inputs.labels))) {
      const reason = `a volume named ${inputs.name} exists already, with other labels`;
      throw new RefusedByEngine(`Unable to create volume: ${reason}`, undefined);
    }
    return { id: volume.Name, state: volumeState(properties, volume) };
  },

  async read(call, id, inputs) {
    const volume = await inspect(call, id);
    if (volume === undefined) return undefined;
    const observed: State = { ...inputs, name: volume.Name };
    const labels = toLabels(volume.Labels);
    if (
      canonicalJson(volume.Labels ?? {}) !== canonicalJson(fromLabels(inputs['labels'] as LabelInput[] | undefined))
    ) {
      observed['labels'] = labels;
    }
    return { id: volume.Name, state: volumeState(observed, volume), inputs: observed };
  },

  async update(call, id, news) {
    const volume = await inspect(call, id);
    if (volume === undefined) throw new RefusedByEngine(`Unable to update volume ${id}: it does not exist`, undefined);
    return volumeState(news, volume);
  },

  async delete({ docker, deadline }, id) {
    try {
      await unlessStatus(docker.getVolume(id).remove({ abortSignal: deadline }), 404);
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      throw new RefusedByEngine(`Unable to remove volume ${id}: ${engineMessage(error)}`, error);
    }
  },
};

function inspect({ docker, deadline }: EngineCall, id: string): Promise<VolumeInspectInfo | undefined> {
  return unlessStatus(docker.getVolume(id).inspect({ abortSignal: deadline }), 404);
}

function volumeState(inputs: State | Properties, volume: VolumeInspectInfo): State {
  return {
    __meta: JSON.stringify({ schema_version: '1' }),
    cluster: null,
    driver: volume.Driver,
    driverOpts: inputs['driverOpts'] ?? null,
    labels: toLabels(volume.Labels),
    mountpoint: volume.Mountpoint,
    name: volume.Name,
  };
}
