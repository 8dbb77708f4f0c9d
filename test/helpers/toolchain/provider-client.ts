import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import rpc from '@pulumi/pulumi/proto/provider_pb.js';
import providerService from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import status from '@pulumi/pulumi/proto/status_pb.js';
import type { ServiceError } from '@grpc/grpc-js';
import { fromStruct, type Properties, toStruct } from '../../../toolchain/plugin/properties.ts';

const main = join(import.meta.dirname, '../../../toolchain/docker-provider/main.ts');

export type ResourceType = 'Container' | 'Network' | 'Volume';

export interface DiffAnswer {
  op: 'same' | 'update' | 'replace';
  replaceKeys: string[] | null;
  deleteBeforeReplace: boolean;
}

/** What stands in an ErrorResourceInitFailed. */
export interface InitFailure {
  id: string;
  properties: Properties;
  reasons: string[];
}

type Answer<T> = (error: ServiceError | null, response: T) => void;

/** The provider as a process of its own, spoken to as the Pulumi engine does: over gRPC on the port it prints. */
export class ProviderProcess {
  readonly process: ChildProcess;
  readonly #client: InstanceType<typeof providerService.ResourceProviderClient>;

  private constructor(process: ChildProcess, port: string) {
    this.process = process;
    this.#client = new providerService.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  }

  /** Starts and configures a provider for one engine. */
  static async start(host: string): Promise<ProviderProcess> {
    const child = spawn(process.execPath, [main, '127.0.0.1:1'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const provider = new ProviderProcess(child, line.toString().trim());
    const configure = new rpc.ConfigureRequest();
    configure.getVariablesMap().set('docker:config:host', host);
    await provider.#call<unknown>((answer) => provider.#client.configure(configure, answer));
    return provider;
  }

  /** Closes its stdin, as the death of the engine does, and waits for its end. */
  async stop(): Promise<void> {
    this.#client.close();
    const ended = once(this.process, 'exit');
    this.process.stdin?.end();
    await ended;
  }

  async check(
    type: ResourceType,
    news: Properties,
    olds: Properties = {},
  ): Promise<{ inputs: Properties; failures: string[] }> {
    const request = new rpc.CheckRequest().setUrn(urn(type)).setNews(toStruct(news)).setOlds(toStruct(olds));
    const response = await this.#call<InstanceType<typeof rpc.CheckResponse>>((answer) =>
      this.#client.check(request, answer),
    );
    const failures = response.getFailuresList().map((failure) => `${failure.getProperty()}: ${failure.getReason()}`);
    return { inputs: fromStruct(response.getInputs()), failures };
  }

  async diff(type: ResourceType, olds: Properties, news: Properties): Promise<DiffAnswer> {
    const request = new rpc.DiffRequest().setUrn(urn(type)).setOldInputs(toStruct(olds)).setNews(toStruct(news));
    const response = await this.#call<InstanceType<typeof rpc.DiffResponse>>((answer) =>
      this.#client.diff(request, answer),
    );
    const replaceKeys = response.getReplacesList();
    const hasChanges = response.getChanges() === rpc.DiffResponse.DiffChanges.DIFF_SOME;
    return {
      op: replaceKeys.length > 0 ? 'replace' : hasChanges ? 'update' : 'same',
      replaceKeys: replaceKeys.length > 0 ? replaceKeys : null,
      deleteBeforeReplace: response.getDeletebeforereplace(),
    };
  }

  async create(type: ResourceType, inputs: Properties, isPreview = false): Promise<{ id: string; state: Properties }> {
    const request = new rpc.CreateRequest().setUrn(urn(type)).setProperties(toStruct(inputs)).setPreview(isPreview);
    const response = await this.#call<InstanceType<typeof rpc.CreateResponse>>((answer) =>
      this.#client.create(request, answer),
    );
    return { id: response.getId(), state: fromStruct(response.getProperties()) };
  }

  async read(
    type: ResourceType,
    id: string,
    inputs: Properties,
  ): Promise<{ id: string; state: Properties; inputs: Properties }> {
    const request = new rpc.ReadRequest().setUrn(urn(type)).setId(id).setInputs(toStruct(inputs));
    const response = await this.#call<InstanceType<typeof rpc.ReadResponse>>((answer) =>
      this.#client.read(request, answer),
    );
    return {
      id: response.getId(),
      state: fromStruct(response.getProperties()),
      inputs: fromStruct(response.getInputs()),
    };
  }

  async update(type: ResourceType, id: string, olds: Properties, news: Properties): Promise<Properties> {
    const request = new rpc.UpdateRequest()
      .setUrn(urn(type))
      .setId(id)
      .setOldInputs(toStruct(olds))
      .setNews(toStruct(news));
    const response = await this.#call<InstanceType<typeof rpc.UpdateResponse>>((answer) =>
      this.#client.update(request, answer),
    );
    return fromStruct(response.getProperties());
  }

  async delete(type: ResourceType, id: string, inputs: Properties): Promise<void> {
    const request = new rpc.DeleteRequest().setUrn(urn(type)).setId(id).setProperties(toStruct(inputs));
    await this.#call<unknown>((answer) => this.#client.delete(request, answer));
  }

  async cancel(): Promise<void> {
    const { default: empty } = await import('google-protobuf/google/protobuf/empty_pb.js');
    await this.#call<unknown>((answer) => this.#client.cancel(new empty.Empty(), answer));
  }

  #call<T>(send: (answer: Answer<T>) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      send((error, response) => (error ? reject(error) : resolve(response)));
    });
  }
}

/** The partial success that an error carries; undefined when nothing was made. */
export function initFailure(error: unknown): InitFailure | undefined {
  const [bytes] = (error as ServiceError).metadata.get('grpc-status-details-bin');
  if (bytes === undefined) return undefined;
  const detail = status.Status.deserializeBinary(bytes as Buffer).getDetailsList()[0];
  const failure = rpc.ErrorResourceInitFailed.deserializeBinary(detail?.getValue_asU8() ?? new Uint8Array());
  return { id: failure.getId(), properties: fromStruct(failure.getProperties()), reasons: failure.getReasonsList() };
}

function urn(type: ResourceType): string {
  return `urn:pulumi:dev::test::docker:index/${type.toLowerCase()}:${type}::thing`;
}
