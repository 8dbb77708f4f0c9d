import { blockHash } from './chain.ts';
import type { Reply, Request, Routes } from './http.ts';
import type { NodeState } from './node-state.ts';
import { parseTransaction, transactionId } from './transaction.ts';
import type { ReceiptWaiters } from './receipt-waiters.ts';

const starting: Reply = { code: 503, body: { status: 'starting' } };
const maxWaitMs = 60_000;
const defaultWaitMs = 5000;

/** What the node answers. `state` is null until the store is open. */
export function apiRoutes(state: () => NodeState | null, waiters: ReceiptWaiters): Routes {
  const whenOpen = (answer: (state: NodeState, request: Request) => Reply | Promise<Reply>) => (request: Request) => {
    const open = state();
    return open === null ? starting : answer(open, request);
  };
  return {
    'GET /health': whenOpen((node) => (node.isHealthy() ? { code: 200, body: { status: 'ok' } } : starting)),
    'GET /status': whenOpen((node) => ({ code: 200, body: node.status() })),
    'GET /peers': whenOpen((node) => ({ code: 200, body: { peers: node.peers() } })),
    'GET /block/:height': whenOpen((node, { parameter }) => block(node, parameter)),
    'GET /tx/:id': whenOpen((node, { parameter }) => transaction(node, parameter)),
    'GET /state/:key': whenOpen((node, { parameter: key }) => {
      const entry = node.ledger.entry(key);
      return entry ? { code: 200, body: { key, ...entry } } : notFound('key');
    }),
    'POST /tx': whenOpen((node, request) => submit(node, waiters, request)),
  };
}

const notFound = (what: string): Reply => ({ code: 404, body: { error: `unknown ${what}` } });

function block({ store, ledger, replica }: NodeState, parameter: string): Reply {
  const entry = /^\d{1,15}$/.test(parameter) ? store.read(Number(parameter)) : null;
  if (entry === null) return notFound('height');
  const { height, previousHash, proposer, time, transactions } = entry.block;
  const body = {
    height,
    hash: blockHash(entry.block),
    previousHash,
    appHash: ledger.appHashAt(height),
    proposer,
    round: entry.commit.round,
    time: new Date(time).toISOString(),
    txs: transactions.map(transactionId),
    commit: replica.signersOf(entry).map((validator) => ({ validator })),
    ...signatureOn(store, height),
  };
  return { code: 200, body };
}

/** Who signed a block with the group is in the next one; nothing is said before that is there. */
function signatureOn(store: NodeState['store'], height: number): object {
  const next = store.read(height + 1);
  if (next === null) return {};
  const { shares = [], signature } = next.block.tss ?? {};
  const signers = shares.map(({ validator }) => validator);
  return { tss: { signers, ...(signature !== undefined && { signature }) } };
}

function transaction({ ledger, mempool }: NodeState, id: string): Reply {
  const receipt = ledger.receipt(id);
  if (receipt) return { code: 200, body: { id, status: 'committed', ...receipt } };
  return mempool.has(id) ? { code: 200, body: { id, status: 'pending' } } : notFound('transaction');
}

async function submit(node: NodeState, waiters: ReceiptWaiters, { body, query }: Request): Promise<Reply> {
  if (node.isStopping()) return { code: 503, body: { error: 'the node is stopping' } };
  const parsed = parseBody(body);
  if (typeof parsed === 'string') return { code: 400, body: { error: parsed } };
  const wait = query.get('wait');
  if (wait !== null && wait !== 'commit') return { code: 400, body: { error: 'wait: expected commit' } };
  const timeoutMs = Number(query.get('timeoutMs') ?? defaultWaitMs);
  if (!(timeoutMs >= 0 && timeoutMs <= maxWaitMs)) {
    return { code: 400, body: { error: `timeoutMs: expected 0 to ${maxWaitMs}` } };
  }
  const id = transactionId(parsed);
  const receipt = node.ledger.receipt(id);
  if (receipt) return { code: 200, body: { id, ...receipt } };
  const early = wait === null ? undefined : node.early?.take(parsed);
  if (early) return { code: 200, body: { id, ...early } };
  if (node.replica.submit(parsed) === 'full') return { code: 503, body: { error: 'the mempool is full' } };
  if (wait === null) return { code: 202, body: { id } };
  const outcome = await waiters.wait(id, timeoutMs);
  if (outcome === 'timeout') return { code: 504, body: { error: 'timeout', id } };
  if (outcome === 'stopping') return { code: 503, body: { error: 'the node is stopping', id } };
  return { code: 200, body: { id, ...outcome } };
}

function parseBody(body: string): ReturnType<typeof parseTransaction> {
  try {
    return parseTransaction(JSON.parse(body));
  } catch {
    return 'body is not JSON';
  }
}
