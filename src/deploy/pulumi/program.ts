import * as pulumi from '@pulumi/pulumi';
import { Testnet } from '../../components/testnet.ts';
import { messageOf } from '../../core/errors.ts';
import { rollOut, type RolloutInputs } from './rollout.ts';

export interface TestnetProgram extends RolloutInputs {
  /** `unix://` address of the Docker engine. */
  dockerHost: string;
  /** Told when the resources are there to be referred to, before anything is released. */
  onStart?: (testnet: Testnet) => void;
}

/**
 * The Pulumi program of a container testnet, inline and hand-typed alike. In a dry run everything is registered at once and no
 * hook runs; otherwise the registrations are the rollout. Rejects with an error that the engine prints once, without a stack;
 * the original is its cause.
 */
export async function runTestnetProgram(program: TestnetProgram): Promise<void> {
  const testnet = new Testnet(program);
  program.onStart?.(testnet);
  if (pulumi.runtime.isDryRun()) {
    for (const member of [...testnet.nodes.values(), ...testnet.services]) member.release();
    return;
  }
  try {
    await rollOut(testnet, program);
  } catch (error) {
    if (isEngineStop(error)) throw error;
    throw Object.assign(new pulumi.RunError(messageOf(error)), { cause: error });
  }
}

/** What made the program end: the hook's or the lab's own error, not what was made of it for the engine. */
export function originalError(error: unknown): unknown {
  return pulumi.RunError.isInstance(error) && error.cause !== undefined ? error.cause : error;
}

/** The engine stopped by itself, after a resource failed or an interrupt; it has said why. */
function isEngineStop(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 14 || error.code === 1);
}
