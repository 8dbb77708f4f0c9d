import { dirname } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { openHandTypedUp } from '../src/cli/hand-typed-up.ts';
import type { Testnet } from '../src/components/testnet.ts';
import { AbortedError, messageOf, SeatrialError } from '../src/core/errors.ts';
import { originalError, runTestnetProgram } from '../src/deploy/pulumi/program.ts';
import { dockerSocket } from '../src/lab/docker/connection.ts';

/** What `pulumi up` typed by hand runs: the testnet that has the stack's name, node after node behind its gates. */
export default async function handTypedUp(): Promise<void> {
  const { signal, dispose } = endSignal();
  try {
    await up(signal);
  } catch (error) {
    // Pulumi prints a RunError without its stack, which would say nothing to the author of a testnet file.
    throw error instanceof SeatrialError ? new pulumi.RunError(error.message) : error;
  } finally {
    dispose();
  }
}

async function up(signal: AbortSignal): Promise<void> {
  const isPreview = pulumi.runtime.isDryRun();
  let testnet: Testnet | undefined;
  const onProgress = (text: string): void => void pulumi.log.info(text, testnet, undefined, true);
  // The program's working folder is stacks/.
  const root = dirname(import.meta.dirname);
  const { finish, ...inputs } = await openHandTypedUp(root, pulumi.getStack(), { isPreview, onProgress, signal });
  const dockerHost = `unix://${dockerSocket()}`;
  try {
    await runTestnetProgram({ ...inputs, dockerHost, signal, onStart: (made) => (testnet = made) });
  } catch (error) {
    await finish(originalError(error)).catch((second: unknown) => {
      void pulumi.log.warn(`the run could not be closed: ${messageOf(second)}`);
    });
    throw error;
  }
  await finish();
}

/** Aborted when the engine ends the program early, as after a Ctrl-C. */
function endSignal(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => controller.abort(new AbortedError(`interrupted by ${name}`));
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
