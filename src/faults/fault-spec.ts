/** The kinds of faults, by the names that the command line and runbooks use. */
export const faultKinds = [
  'partition',
  'drop',
  'reject',
  'delay',
  'loss',
  'bandwidth',
  'dns',
  'kill',
  'term',
  'pause',
  'restart',
  'disk-full',
  'wipe',
  'corrupt',
  'clock',
  'cpu',
  'memory',
  'config',
  'prometheus-gone',
  'alertmanager-gone',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** A fault as a person or a runbook asks for it. Plain data, the same in a plan, in a journal and on the command line. */
export interface FaultSpec {
  kind: FaultKind;
  /** Names of nodes. How many a kind needs, and what their order means, is in the catalogue. */
  targets: readonly string[];
  /** Parameters by name, as they are typed: `{ delay: '200ms' }`, `{ topology: 'halves' }`. Names, bounds and defaults are in the catalogue. */
  parameters: Readonly<Record<string, string>>;
  /** How long it lasts, from the moment at which its effect is shown, in ms. Above 0, but for `restart`, whose default is 0. */
  durationMs: number;
}
