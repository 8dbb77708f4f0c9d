import type { ChainBlock, ChainReadings, NodeChain } from './node-chain.ts';
import { concluded, short, unreadOf } from './safety-result.ts';
import type { SafetyCheck, SafetyFinding } from './safety-result.ts';

interface Holder {
  node: string;
  block: ChainBlock;
}

/**
 * One block for every height: whatever a node holds at a height, all others that hold the height hold as well, and so did everybody before
 * (`earlier`: what was read of the nodes at an earlier time).
 */
export function checkAgreement(readings: ChainReadings, earlier: readonly NodeChain[] = []): SafetyCheck {
  const { chains } = readings;
  const culprits: SafetyFinding[] = [];
  const past = earlier.map((chain) => ({ ...chain, node: `${chain.node} before` }));
  let examined = 0;
  const heights = new Set(chains.flatMap(({ blocks }) => [...blocks.keys()]));
  for (const height of [...heights].sort((a, b) => a - b)) {
    const holders = [...chains, ...past].flatMap(({ node, blocks }) => {
      const block = blocks.get(height);
      return block?.hashes ? [{ node, block }] : [];
    });
    if (holders.length < 2) continue;
    examined++;
    if (differingNames(holders).length > 0) culprits.push(disagreement(height, holders));
  }
  return concluded('agreement', { examined, what: 'heights', culprits, unknowns: unknownsOf(readings) });
}

function unknownsOf({ from, to, chains }: ChainReadings): SafetyFinding[] {
  const isSilent = chains.some(({ blocks }) => [...blocks.values()].some(({ hashes }) => hashes === undefined));
  const alone = chains.length === 1 ? [{ detail: 'there is only one node: nobody to agree with' }] : [];
  const silent = isSilent ? [{ detail: `the system does not tell what it holds at heights ${from} to ${to}` }] : [];
  return [...unreadOf(chains), ...alone, ...silent];
}

/** Names of values that are not the same on all; one that only some have is not the same. */
function differingNames(holders: readonly Holder[]): string[] {
  const names = new Set(holders.flatMap(({ block }) => Object.keys(block.hashes ?? {})));
  return [...names].filter((name) => new Set(holders.map(({ block }) => block.hashes?.[name])).size > 1);
}

function disagreement(height: number, holders: readonly Holder[]): SafetyFinding {
  const names = differingNames(holders);
  const groups = new Map<string, Holder[]>();
  for (const holder of holders) {
    const held = names.map((name) => `${name} ${short(holder.block.hashes?.[name] ?? 'nothing')}`).join(', ');
    groups.set(held, [...(groups.get(held) ?? []), holder]);
  }
  const sides = [...groups].map(([held, group]) => `${group.map(({ node }) => node).join(', ')}: ${held}`);
  const guilty = signedBoth([...groups.values()]);
  const accused = guilty.length > 0 ? `; ${guilty.join(', ')} signed for more than one of them` : '';
  return {
    height,
    nodes: holders.map(({ node }) => node),
    hashes: Object.fromEntries(holders.map(({ node, block }) => [node, block.hashes ?? {}])),
    ...(guilty.length > 0 && { signedBoth: guilty }),
    detail: `height ${height} is not the same on all nodes (${sides.join(' | ')})${accused}`,
  };
}

/** Who signed for two of the blocks in one and the same round, which no rule of any consensus allows. */
function signedBoth(groups: readonly (readonly Holder[])[]): string[] {
  const sides = new Map<string, Set<number>>();
  for (const [side, group] of groups.entries()) {
    for (const { block } of group) {
      for (const signer of block.commit?.signers ?? []) {
        const signed = `${block.commit?.round ?? 0} ${signer}`;
        sides.set(signed, (sides.get(signed) ?? new Set()).add(side));
      }
    }
  }
  const twice = [...sides].filter(([, of]) => of.size > 1).map(([signed]) => signed.slice(signed.indexOf(' ') + 1));
  return [...new Set(twice)].sort();
}
