import type { Properties, PropertyValue } from '../plugin/properties.ts';
import type { EngineCall } from './engine.ts';
import type { ResourceSchema } from './schema/shape.ts';

export type State = Record<string, PropertyValue | undefined>;

export interface Created {
  id: string;
  state: State;
}

export interface Observed {
  id: string;
  state: State;
  /** The old inputs, with what has changed in reality put in. */
  inputs: State;
}

/** A type of resource: what its inputs look like and how the engine is asked to make them true. */
export interface ResourceKind {
  schema: ResourceSchema;
  /** Properties that are read from the engine and never set. */
  computed: readonly string[];
  create(call: EngineCall, inputs: Properties): Promise<Created>;
  /** Undefined when the thing has vanished. */
  read(call: EngineCall, id: string, inputs: Properties): Promise<Observed | undefined>;
  /** Makes the properties true that can be changed in place. */
  update(call: EngineCall, id: string, news: Properties): Promise<State>;
  /** Resolves once the thing is gone; one that has vanished already is gone. */
  delete(call: EngineCall, id: string, state: Properties): Promise<void>;
}

/** The thing exists, but not as it should; the engine keeps it in the state and tries an update next time. */
export class InitError extends Error {
  readonly created: Created;

  constructor(created: Created, reason: string) {
    super(reason);
    this.name = 'InitError';
    this.created = created;
  }
}

/** The engine refused, and nothing was made or changed. */
export class RefusedByEngine extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'RefusedByEngine';
  }
}
