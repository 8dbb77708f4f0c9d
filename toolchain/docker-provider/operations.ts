import grpc from '@grpc/grpc-js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import rpc from '@pulumi/pulumi/proto/provider_pb.js';
import status from '@pulumi/pulumi/proto/status_pb.js';
import type Docker from 'dockerode';
import { messageOf } from '../../src/core/errors.ts';
import { StatusError } from '../plugin/call.ts';
import { type Properties, toStruct } from '../plugin/properties.ts';
import { engineMessage, openEngine, type EngineCall, type EngineError } from './engine.ts';
import {
  type Created,
  InitError,
  type Observed,
  RefusedByEngine,
  type ResourceKind,
  type State,
} from './resource-kind.ts';

/** As long as the official provider allows an operation where the program says nothing. */
const defaultTimeoutSeconds = 20 * 60;

/** Runs operations against the configured Docker engine, each with a deadline, and turns failures into what the engine reads. */
export class Operations {
  readonly #cancelled = new AbortController();
  #host: () => string = () => {
    throw new Error('the docker provider has not been configured');
  };
  #docker: Promise<Docker> | undefined;

  /** Sets the engine's address. It is looked at only once it is needed: a preview works without an engine. */
  configure(host: () => string): void {
    this.#host = host;
    this.#docker = undefined;
  }

  /** Ends all long waits. */
  cancel(): void {
    this.#cancelled.abort(new Error('the operation was cancelled'));
  }

  create(kind: ResourceKind, inputs: Properties, timeoutSeconds: number): Promise<Created> {
    return this.#run(timeoutSeconds, inputs, (call) => kind.create(call, inputs));
  }

  read(kind: ResourceKind, id: string, inputs: Properties, timeoutSeconds: number): Promise<Observed | undefined> {
    return this.#run(timeoutSeconds, inputs, (call) => kind.read(call, id, inputs));
  }

  update(kind: ResourceKind, id: string, news: Properties, timeoutSeconds: number): Promise<State> {
    return this.#run(timeoutSeconds, news, (call) => kind.update(call, id, news));
  }

  delete(kind: ResourceKind, id: string, state: Properties, timeoutSeconds: number): Promise<void> {
    return this.#run(timeoutSeconds, state, (call) => kind.delete(call, id, state));
  }

  async #run<T>(timeoutSeconds: number, inputs: Properties, work: (call: EngineCall) => Promise<T>): Promise<T> {
    const deadline = AbortSignal.timeout((timeoutSeconds || defaultTimeoutSeconds) * 1000);
    const patience = AbortSignal.any([deadline, this.#cancelled.signal]);
    try {
      this.#docker ??= openEngine(this.#host());
      return await work({ docker: await this.#docker, deadline, patience });
    } catch (error) {
      throw toStatusError(error, inputs);
    }
  }
}

/**
 * A clean refusal leaves nothing pending in the state, a partial success is kept with its id, and everything else is UNKNOWN:
 * the engine then remembers that it cannot know what became of the operation.
 */
function toStatusError(error: unknown, inputs: Properties): StatusError {
  if (error instanceof InitError) return initFailed(error, inputs);
  const message = error instanceof RefusedByEngine ? error.message : engineMessage(error) || messageOf(error);
  const { statusCode, code } = ((error instanceof RefusedByEngine ? error.cause : error) ?? {}) as Partial<EngineError>;
  const isClean = error instanceof RefusedByEngine && (error.cause === undefined || statusCode !== undefined);
  const hasNoEngine = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EACCES';
  return new StatusError(isClean || hasNoEngine ? grpc.status.FAILED_PRECONDITION : grpc.status.UNKNOWN, message);
}

function initFailed({ created: { id, state }, message }: InitError, inputs: Properties): StatusError {
  const failure = new rpc.ErrorResourceInitFailed()
    .setId(id)
    .setProperties(toStruct({ ...state, id }))
    .setInputs(toStruct(inputs))
    .setReasonsList([message]);
  const detail = new any.Any();
  detail.pack(failure.serializeBinary(), 'pulumirpc.ErrorResourceInitFailed');
  const rpcStatus = new status.Status().setCode(grpc.status.UNKNOWN).setMessage(message).setDetailsList([detail]);
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(rpcStatus.serializeBinary()));
  return new StatusError(grpc.status.UNKNOWN, message, metadata);
}
