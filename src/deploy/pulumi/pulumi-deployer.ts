import type { Deployer } from '../../engine/deployer.ts';
import type { PulumiDeployerOptions } from './options.ts';

/**
 * A deployer for container labs, through Pulumi's Automation API, on the same project, backend and stack that a hand-typed
 * `pulumi up` uses.
 *
 * `roll` calls `before` for every change and, for a node that was replaced or that runs as wanted without a PASS on record, `after`
 * (with kind `replace` in both cases). Created nodes get `before` one by one, are made together and gated by one `afterCreated`.
 * A removed node gets `before` only. An abort lets the container that is just being replaced be finished; nothing else is touched.
 */
export function createPulumiDeployer(options: PulumiDeployerOptions): Deployer {
  // Loading Pulumi costs most of a second; nothing but an operation pays it.
  let loaded: Promise<Deployer> | undefined;
  const operations = (): Promise<Deployer> =>
    (loaded ??= import('./operations.ts').then(({ pulumiOperations }) => pulumiOperations(options)));
  return {
    preview: async (topology, signal) => (await operations()).preview(topology, signal),
    roll: async (stage, hooks, signal) => (await operations()).roll(stage, hooks, signal),
    recover: async (signal) => (await operations()).recover?.(signal),
    destroy: async (topology, signal) => (await operations()).destroy(topology, signal),
  };
}
