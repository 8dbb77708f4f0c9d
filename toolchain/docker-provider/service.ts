import grpc from '@grpc/grpc-js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import rpc from '@pulumi/pulumi/proto/provider_pb.js';
import type {
  CheckRequest,
  ConfigureRequest,
  CreateRequest,
  DeleteRequest,
  DiffRequest,
  InvokeRequest,
  ReadRequest,
  UpdateRequest,
} from '@pulumi/pulumi/proto/provider_pb.js';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { StatusError, unary } from '../plugin/call.ts';
import { fromStruct, type Properties, toStruct, unknownValue } from '../plugin/properties.ts';
import { check, type CheckFailure } from './check.ts';
import { checkConfig, engineHost } from './config.ts';
import { containerKind } from './container/kind.ts';
import { diff, type DiffResult } from './diff.ts';
import { networkKind } from './network.ts';
import type { Operations } from './operations.ts';
import type { ResourceKind, State } from './resource-kind.ts';
import { volumeKind } from './volume.ts';
import { withoutDefaults } from './without-defaults.ts';

export const providerVersion = '5.2.0';

const kinds = new Map([containerKind, networkKind, volumeKind].map((kind) => [kind.schema.token, kind]));

/** The provider's answers to the engine. Only create, read, update and delete reach Docker; previews and diffs are computed. */
export function createService(operations: Operations): UntypedServiceImplementation {
  return {
    // No secrets are accepted: the engine takes them out, and marks the same properties of the answer as secret again.
    handshake: unary(() => new rpc.ProviderHandshakeResponse()),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(providerVersion)),
    attach: unary(() => new empty.Empty()),
    checkConfig: unary((request: CheckRequest) => {
      const news = fromStruct(request.getNews());
      return toCheckResponse(news, checkConfig(news));
    }),
    diffConfig: unary((request: DiffRequest) => {
      const olds = fromStruct(request.getOldInputs());
      const news = fromStruct(request.getNews());
      const isSame = olds['host'] === news['host'];
      return toDiffResponse({
        changes: new Map(isSame ? [] : [['host', { kind: 'update', isReplacing: false }]]),
        deleteBeforeReplace: false,
      });
    }),
    configure: unary((request: ConfigureRequest) => {
      operations.configure(() => engineHost(request.getVariablesMap().get('docker:config:host'), process.env));
      return new rpc.ConfigureResponse().setSupportspreview(true);
    }),
    check: unary((request: CheckRequest) => {
      const { inputs, failures } = check(kindOf(request.getUrn()).schema, fromStruct(request.getNews()), {
        resourceName: request.getName() || nameOf(request.getUrn()),
        olds: fromStruct(request.getOlds()),
        randomSeed: request.getRandomseed_asU8(),
      });
      return toCheckResponse(inputs, failures);
    }),
    diff: unary((request: DiffRequest) => {
      const olds = fromStruct(request.getOldInputs() ?? request.getOlds());
      return toDiffResponse(diff(kindOf(request.getUrn()).schema, olds, fromStruct(request.getNews())));
    }),
    create: unary(async (request: CreateRequest) => {
      const kind = kindOf(request.getUrn());
      const inputs = fromStruct(request.getProperties());
      if (request.getPreview()) return new rpc.CreateResponse().setProperties(toStruct(previewState(kind, inputs)));
      const { id, state } = await operations.create(kind, inputs, request.getTimeout());
      return new rpc.CreateResponse().setId(id).setProperties(toStruct({ ...state, id }));
    }),
    read: unary(async (request: ReadRequest) => {
      const inputs = fromStruct(request.getInputs());
      const observed = await operations.read(kindOf(request.getUrn()), request.getId(), inputs, request.getTimeout());
      if (observed === undefined) return new rpc.ReadResponse();
      return new rpc.ReadResponse()
        .setId(observed.id)
        .setProperties(toStruct({ ...observed.state, id: observed.id }))
        .setInputs(toStruct(observed.inputs));
    }),
    update: unary(async (request: UpdateRequest) => {
      const kind = kindOf(request.getUrn());
      const news = fromStruct(request.getNews());
      const id = request.getId();
      const state = request.getPreview()
        ? { ...fromStruct(request.getOlds()), ...withoutDefaults(news) }
        : await operations.update(kind, id, news, request.getTimeout());
      return new rpc.UpdateResponse().setProperties(toStruct({ ...state, id }));
    }),
    delete: unary(async (request: DeleteRequest) => {
      const state = { ...fromStruct(request.getProperties()), ...fromStruct(request.getOldInputs()) };
      await operations.delete(kindOf(request.getUrn()), request.getId(), state, request.getTimeout());
      return new empty.Empty();
    }),
    invoke: unary((request: InvokeRequest) => {
      throw unsupported(`the function ${request.getTok()}`);
    }),
    cancel: unary(() => {
      operations.cancel();
      return new empty.Empty();
    }),
  };
}

/** A resource name: `urn:pulumi:stack::project::parent$type::name`. */
function nameOf(urn: string): string {
  return urn.split('::').slice(3).join('::');
}

function kindOf(urn: string): ResourceKind {
  const type = urn.split('::')[2]?.split('$').at(-1) ?? '';
  const kind = kinds.get(type);
  if (kind === undefined) throw unsupported(`the resource type ${type}`);
  return kind;
}

function unsupported(what: string): StatusError {
  const known = [...kinds.keys()].map((token) => token.split(':').at(-1)).join(', ');
  const message = `the offline docker provider does not support ${what} (it has ${known}); use the official provider`;
  return new StatusError(grpc.status.UNIMPLEMENTED, message);
}

function previewState(kind: ResourceKind, inputs: Properties): State {
  const optional = Object.entries(kind.schema.properties).filter(([, property]) => property.isComputed);
  const computed = [...kind.computed, ...optional.map(([name]) => name)];
  return { ...Object.fromEntries(computed.map((name) => [name, unknownValue])), ...withoutDefaults(inputs) };
}

function toCheckResponse(
  inputs: Properties,
  failures: readonly CheckFailure[],
): InstanceType<typeof rpc.CheckResponse> {
  const response = new rpc.CheckResponse().setInputs(toStruct(inputs));
  for (const { property, reason } of failures) {
    response.addFailures(new rpc.CheckFailure().setProperty(property).setReason(reason));
  }
  return response;
}

function toDiffResponse({ changes, deleteBeforeReplace }: DiffResult): InstanceType<typeof rpc.DiffResponse> {
  const { DiffChanges } = rpc.DiffResponse;
  const response = new rpc.DiffResponse()
    .setChanges(changes.size > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setDeletebeforereplace(deleteBeforeReplace)
    .setHasdetaileddiff(true);
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = rpc.PropertyDiff.Kind;
  const kindsOfChange = { add: [ADD, ADD_REPLACE], delete: [DELETE, DELETE_REPLACE], update: [UPDATE, UPDATE_REPLACE] };
  for (const [name, { kind, isReplacing }] of changes) {
    response.addDiffs(name);
    if (isReplacing) response.addReplaces(name);
    const detail = new rpc.PropertyDiff()
      .setInputdiff(true)
      .setKind(kindsOfChange[kind][isReplacing ? 1 : 0] ?? UPDATE);
    response.getDetaileddiffMap().set(name, detail);
  }
  return response;
}
