/** The ways in which a release can be bad on purpose. */
export const faultKinds = [
  'exits-at-start',
  'never-ready',
  'never-commits',
  'wrong-app-hash',
  'http-errors',
  'lies-about-version',
  'slow',
  'flapping',
  'restarting',
  'leaking',
  'refuses-old-data',
  'tss-without-effect',
  'tss-misbehaves',
  'votes-twice',
  'acks-before-fsync',
  'forgets-after-restart',
] as const;

export type FaultKind = (typeof faultKinds)[number];
