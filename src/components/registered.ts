import type * as pulumi from '@pulumi/pulumi';

/**
 * Resolves to an output's value once the engine has really made its resource, and rejects when it could not. An output can be
 * applied but not awaited by its public type; without the wait a failed resource would leave the program waiting for ever.
 */
export async function registered<T>(output: pulumi.Output<T>): Promise<T> {
  return (output as pulumi.Output<T> & { promise(): Promise<T> }).promise();
}
