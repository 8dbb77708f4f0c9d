import grpc from '@grpc/grpc-js';
import { messageOf } from '../../src/core/errors.ts';

/** An answer other than success, with the gRPC status that the engine reads. */
export class StatusError extends Error {
  readonly status: grpc.status;
  readonly metadata: grpc.Metadata | undefined;

  constructor(status: grpc.status, message: string, metadata?: grpc.Metadata) {
    super(message);
    this.name = 'StatusError';
    this.status = status;
    this.metadata = metadata;
  }
}

/**
 * Turns an async function into a unary gRPC handler. A StatusError keeps its status; anything else becomes UNKNOWN, which tells
 * the engine that it cannot know how far the operation came.
 */
export function unary<Request, Response>(
  answer: (request: Request) => Promise<Response> | Response,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const run = async (): Promise<Response> => answer(call.request);
    run().then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

function toServiceError(error: unknown): Partial<grpc.StatusObject> {
  if (!(error instanceof StatusError)) return { code: grpc.status.UNKNOWN, details: messageOf(error) };
  const base = { code: error.status, details: error.message };
  return error.metadata ? { ...base, metadata: error.metadata } : base;
}
