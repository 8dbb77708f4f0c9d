import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { panels } from './panels.ts';
import { dealGroup, shareFile, tssToggle } from './tss.ts';
import type { NodePlan, SystemProfile } from '../../src/index.ts';

/** Largest number of blocks a healthy validator is behind the highest; block sync fetches more than this in one round trip. */
const maxLag = 5;

function peersOf(node: NodePlan, nodes: readonly NodePlan[]): string[] {
  return nodes.flatMap((peer) =>
    peer.name === node.name ? [] : ['--peer', `${peer.name}=${peer.address}:${peer.ports['p2p']}`],
  );
}

interface StatusBody {
  version?: string;
  height?: number;
  peers?: number;
  catchingUp?: boolean;
  roundsMissed?: number;
}

interface BlockBody {
  height: number;
  hash: string;
  appHash: string;
  round: number;
  commit: { validator: string }[];
}

interface TransactionBody {
  id?: string;
  height?: number;
  status?: string;
  error?: string;
}

/** The reference chain in node/: BFT, one validator a process, 2/3 of the voting power. */
const profile: SystemProfile = {
  name: 'reference',
  title: 'Reference chain',
  roles: {
    validator: { defaultCount: 4, votingPower: 1, ports: { http: 8080, p2p: 26656 }, startOrder: 1 },
    follower: { defaultCount: 0, votingPower: 0, ports: { http: 8080, p2p: 26656 }, startOrder: 2 },
  },
  quorum: 'bft',
  runtime: { command: ['node'], image: 'node:24-bookworm-slim' },
  build: ({ args, output }) => [
    'node',
    'build.ts',
    '--output',
    output,
    ...Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]),
  ],
  identity: () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const { x } = publicKey.export({ format: 'jwk' });
    if (x === undefined) throw new Error('an Ed25519 public key without its x coordinate');
    return { publicKey: x, files: { 'validator.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() } };
  },
  groupIdentity: dealGroup,
  files: (_node, network) => ({
    'genesis.json': `${JSON.stringify(
      {
        chainId: network.testnet,
        blockIntervalMs: 200,
        validators: network.nodes
          .filter((node) => node.votingPower > 0)
          .map((node) => ({ id: node.name, publicKey: network.publicKeys[node.name], power: node.votingPower })),
        ...(network.groupKey !== undefined && { tss: JSON.parse(network.groupKey) as object }),
      },
      null,
      2,
    )}\n`,
  }),
  command: (node, { nodes, groupKey }) => [
    ...['--id', node.name, '--data', node.dataDir],
    ...['--genesis', `${node.configDir}/genesis.json`, '--key', `${node.secretsDir}/validator.pem`],
    ...['--http', `${node.listenAddress}:${node.ports['http']}`, '--p2p', `${node.listenAddress}:${node.ports['p2p']}`],
    ...(groupKey !== undefined && node.votingPower > 0 ? ['--tss-key', `${node.secretsDir}/${shareFile}`] : []),
    ...(node.flags[tssToggle.flag.name] === tssToggle.flag.on ? ['--enable-tss'] : []),
    ...peersOf(node, nodes),
  ],
  containerHealthcheck: ({ ports }) => [
    'node',
    '-e',
    `fetch('http://127.0.0.1:${ports['http']}/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`,
  ],
  stop: { signal: 'SIGTERM', graceMs: 5_000 },
  liveness: { port: 'http', path: '/health' },
  probe: async (client) => {
    const body = (await client.getJson('http', '/status')) as StatusBody;
    const { version, height, peers, catchingUp, roundsMissed } = body;
    return {
      ...(version !== undefined && { version }),
      ...(height !== undefined && { height }),
      ...(peers !== undefined && { peers }),
      ...(catchingUp !== undefined && { catchingUp }),
      ...(roundsMissed !== undefined && { roundsMissed }),
    };
  },
  blockAt: async (client, height) => {
    const block = (await client.getJson('http', `/block/${height}`)) as BlockBody;
    const { hash, appHash, round, commit } = block;
    return {
      height: block.height,
      hashes: { block: hash, application: appHash },
      commit: { round, signers: commit.map(({ validator }) => validator) },
    };
  },
  metrics: { port: 'http', path: '/metrics' },
  alertRules: readFileSync(new URL('alert-rules.yml', import.meta.url), 'utf8'),
  panels,
  toggles: { tss: tssToggle },
  checks: [
    {
      name: 'http-errors',
      source: 'direct',
      // 503 is how a node says that it is not ready yet, or full: the liveness check's to judge, not an error.
      condition: {
        kind: 'ratio',
        bad: { metric: 'refchain_http_requests_total', labels: { code: { matches: '5(?!03)..' } } },
        total: { metric: 'refchain_http_requests_total', labels: { route: { matches: '(?!/health).*' } } },
        max: 0.1,
        minEvents: 5,
      },
    },
    // What wakes people at night ends a step as well. Of the rules' own state, so that a silence hides nothing.
    { name: 'critical-alerts', source: 'alerts', condition: { kind: 'alerts', severities: ['critical'] } },
    {
      name: 'mempool',
      source: 'prometheus',
      condition: { kind: 'value', metric: { metric: 'refchain_mempool_transactions' }, max: 5_000 },
    },
  ],
  progress: { maxStallMs: 3_000, maxLag, minPeers: (nodeCount) => Math.ceil((nodeCount - 1) / 2) },
  submit: async (client, { sequence, payload, timeoutMs }) => {
    const transaction = { key: `load-${sequence % 1000}`, value: payload, nonce: randomUUID() };
    // As the node makes it: what was refused, or never answered, can be looked for by its id.
    const known = {
      id: createHash('sha256').update(JSON.stringify(transaction)).digest('hex'),
      key: transaction.key,
    };
    const path = `/tx?wait=commit&timeoutMs=${timeoutMs}`;
    let answer: Awaited<ReturnType<typeof client.postJson>>;
    try {
      answer = await client.postJson('http', path, transaction);
    } catch (error) {
      return { ...known, outcome: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
    const { status, body } = answer;
    const { id, height, error } = body as TransactionBody;
    if (status === 200 && id !== undefined)
      return { ...known, outcome: 'acknowledged', id, ...(height !== undefined && { height }) };
    const reason = `HTTP ${status}${error === undefined ? '' : ` ${error}`}`;
    // An answer with an id is about a transaction that was taken: others may have it, whatever this node says of itself.
    if (status === 504 || id !== undefined) return { ...known, outcome: 'unknown', reason };
    return { ...known, outcome: 'rejected', reason };
  },
  transactionsAt: async (client, height) =>
    ((await client.getJson('http', `/block/${height}`)) as { txs: string[] }).txs,
};

export default profile;
