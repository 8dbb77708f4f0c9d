import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FeatureToggle, ProbeClient, SwitchedNode, SystemProfile } from '../../src/index.ts';

type GroupIdentity = ReturnType<NonNullable<SystemProfile['groupIdentity']>>;

/** Name of the secret share's file in a node's secrets. */
export const shareFile = 'tss-share.key';

const dealer = fileURLToPath(new URL('../../node/tss-deal.ts', import.meta.url));
const dealTimeoutMs = 30_000;
const leaseIdPattern = /^[\w.:-]{1,128}$/;
const requestsAtOnce = 8;

/** A threshold key for the validators, from the node's own dealer: a program of its own, so that no command has to load the curve. */
export function dealGroup(members: readonly string[]): GroupIdentity {
  const output = execFileSync(process.execPath, [dealer, ...members], { encoding: 'utf8', timeout: dealTimeoutMs });
  const { group, secrets } = JSON.parse(output) as { group: object; secrets: Record<string, string> };
  const files = Object.entries(secrets).map(([node, secret]) => [node, { [shareFile]: `${secret}\n` }]);
  return { publicKey: JSON.stringify(group), files: Object.fromEntries(files) as GroupIdentity['files'] };
}

const leaseFile = ({ dataDir }: SwitchedNode): string => `${dataDir}/tss-lease.json`;

/**
 * The end is taken from the clock of the node's own machine. Where `date` knows no milliseconds the lease ends up to a second early.
 * Arguments: file, lease id, on, ttl in ms.
 */
const writeLease = [
  'set -e',
  'now=$(date +%s%3N)',
  'case $now in *[!0-9]*) now=$(date +%s)000 ;; esac',
  'printf \'{"leaseId":"%s","on":%s,"untilMs":%s,"ttlMs":%s}\\n\' "$2" "$3" "$((now + $4))" "$4" > "$1.new"',
  'mv -f "$1.new" "$1"',
].join('\n');

interface StatusBody {
  height: number;
  tss?: { lease?: { leaseId: string; on: boolean; remainingMs: number } | null };
}

interface BlockBody {
  /** Absent until the block is there that shows it. */
  tss?: { signers: string[] };
}

async function statusOf(client: ProbeClient): Promise<StatusBody> {
  return (await client.getJson('http', '/status')) as StatusBody;
}

/** Threshold signatures: a node that has the feature adds its share of a signature to each block, and the next block shows whose are in. */
export const tssToggle: FeatureToggle = {
  title: 'Threshold signatures',
  flag: { name: 'tss', on: true, off: false },
  switch: (node, { leaseId, on, ttlMs }) => {
    if (!leaseIdPattern.test(leaseId))
      throw new Error(`lease id ${JSON.stringify(leaseId)}: expected ${leaseIdPattern.source}`);
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1)
      throw new Error(`ttl of ${ttlMs} ms: expected a whole number above 0`);
    return ['sh', '-c', writeLease, 'sh', leaseFile(node), leaseId, String(on), String(ttlMs)];
  },
  clear: (node) => ['rm', '-f', leaseFile(node)],
  lease: async (client) => (await statusOf(client)).tss?.lease ?? undefined,
  proof: async (client, { node, from, to }) => {
    // The tip's signers are in a block that does not exist yet.
    const last = Math.min(to, (await statusOf(client)).height - 1);
    const heights = Array.from({ length: Math.max(0, last - from) }, (_, index) => from + 1 + index);
    let blocks = 0;
    let proven = 0;
    for (let start = 0; start < heights.length; start += requestsAtOnce) {
      const some = heights.slice(start, start + requestsAtOnce);
      const bodies = await Promise.all(some.map(async (height) => client.getJson('http', `/block/${height}`)));
      for (const { tss } of bodies as BlockBody[]) {
        if (tss === undefined) continue;
        blocks += 1;
        if (tss.signers.includes(node)) proven += 1;
      }
    }
    return { blocks, proven };
  },
  // All of them are counted by every node from its start on, whether it has the feature or not.
  harm: [
    {
      name: 'http-errors',
      bad: { metric: 'refchain_http_requests_total', labels: { code: { matches: '5(?!03)..' } } },
      total: { metric: 'refchain_http_requests_total' },
    },
    {
      name: 'rejected-shares',
      bad: { metric: 'refchain_tss_own_shares_rejected_total' },
      total: { metric: 'refchain_blocks_committed_total' },
    },
    {
      name: 'missed-proposals',
      bad: { metric: 'refchain_proposals_total', labels: { result: 'missed' } },
      total: { metric: 'refchain_proposals_total' },
    },
  ],
};
