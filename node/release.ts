import { faultHooks } from './faults.ts';
import type { FaultHooks } from './faults.ts';

// Replaced by text when a release is built; absent when the sources run as they are.
declare const RELEASE_VERSION: string | undefined;
declare const RELEASE_FAULT: string | undefined;
declare const RELEASE_FAULT_HEIGHT: number | undefined;
declare const RELEASE_CLAIM: string | undefined;
declare const RELEASE_DATA_FORMAT: number | undefined;

export const version = typeof RELEASE_VERSION === 'string' ? RELEASE_VERSION : '0.0.0-source';

/** Newest format of the data folder that this release knows; it writes this one. */
export const dataFormat = typeof RELEASE_DATA_FORMAT === 'number' ? RELEASE_DATA_FORMAT : 1;

/** Null in a clean release, which then contains none of the faults' code. */
export const faults: FaultHooks | null =
  typeof RELEASE_FAULT === 'string' ? faultHooks(RELEASE_FAULT, RELEASE_FAULT_HEIGHT ?? 5, RELEASE_CLAIM ?? '') : null;
