import { dealKey } from '../../../node/tss-deal.ts';
import { ThresholdGroup } from '../../../node/tss-group.ts';
import type { Share } from '../../../node/tss-group.ts';

export interface Dealt {
  readonly group: ThresholdGroup;
  readonly secrets: Readonly<Record<string, string>>;
  /** The shares of these members over a message. */
  shares(members: readonly string[], message: string): Share[];
}

export function dealt(memberCount: number): Dealt {
  const key = dealKey(Array.from({ length: memberCount }, (_, index) => `validator-${index}`));
  const group = new ThresholdGroup(key.group);
  return {
    group,
    secrets: key.secrets,
    shares: (members, message) =>
      members.map((member) => ({ member, signature: group.sign(key.secrets[member] ?? '', message) })),
  };
}
