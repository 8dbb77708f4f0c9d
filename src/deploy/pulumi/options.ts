import type { Clock } from '../../core/clock.ts';
import type { RolloutInputs } from './rollout.ts';

/** What lives on the container engine under a testnet's label, whoever knows of it. */
export interface OwnedObject {
  kind: 'container' | 'volume' | 'network';
  id: string;
  name: string;
  /** The node's name, for what belongs to a node. */
  node: string | undefined;
}

/** The container engine's own view of what belongs to a testnet. */
export interface OwnedObjects {
  list(signal?: AbortSignal): Promise<OwnedObject[]>;
  /** Succeeds when it is gone already. */
  remove(object: OwnedObject, signal?: AbortSignal): Promise<void>;
}

/** What the engine tells while it works. */
export type DeployEvent =
  | { kind: 'resource'; action: string; resource: string; state: 'started' | 'done' | 'failed' }
  | { kind: 'message'; severity: 'info' | 'warning' | 'error'; text: string };

export interface PulumiDeployerOptions {
  /** The project folder, where Pulumi.yaml is. */
  root: string;
  /** Name of the testnet, which is the stack's as well. */
  testnet: string;
  toolchain: {
    /** Absolute path of the Pulumi CLI. */
    cli: string;
    /** Variables for it, as from `toolchainEnvironment`. */
    env: Record<string, string>;
  };
  /** `unix://` address of the Docker engine. */
  dockerHost: string;
  observe: RolloutInputs['observe'];
  placeSecrets: RolloutInputs['placeSecrets'];
  objects: OwnedObjects;
  clock: Clock;
  onEvent?: (event: DeployEvent) => void;
}
