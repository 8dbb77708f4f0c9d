import type { Block, CommittedBlock, ConsensusMessage } from './chain.ts';
import { parseTransaction } from './transaction.ts';
import type { ShareMessage } from './share-collector.ts';
import type { Transaction } from './transaction.ts';

/** Where the sender stands. `have` names the messages it holds for the height it is deciding, and asks for the others. */
interface StatusMessage {
  readonly type: 'status';
  /** Highest committed block. */
  readonly height: number;
  readonly have: readonly string[] | null;
}

export interface BlocksRequest {
  readonly type: 'blocks-request';
  readonly from: number;
}

interface BlocksResponse {
  readonly type: 'blocks';
  readonly blocks: readonly CommittedBlock[];
}

interface TransactionsMessage {
  readonly type: 'transactions';
  readonly transactions: readonly Transaction[];
}

/** Tells a validator that its share for this height was wrong. */
interface ShareRejectedMessage {
  readonly type: 'share-rejected';
  readonly height: number;
}

export type WireMessage =
  | ConsensusMessage
  | StatusMessage
  | BlocksRequest
  | BlocksResponse
  | TransactionsMessage
  | ShareMessage
  | ShareRejectedMessage;

type Fields = Record<string, unknown>;

/** Checks the shape of what a peer sent; null for anything else. Signatures and rules are checked by who uses it. */
export function parseWireMessage(value: unknown): WireMessage | null {
  return isFields(value) && hasShape(value) ? (value as unknown as WireMessage) : null;
}

function hasShape(value: Fields): boolean {
  switch (value['type']) {
    case 'vote':
      return (
        (value['kind'] === 'prevote' || value['kind'] === 'precommit') &&
        isSigned(value) &&
        (value['block'] === null || isText(value['block']))
      );
    case 'proposal':
      return isSigned(value) && isInteger(value['validRound'], -1) && isBlock(value['block']);
    case 'status':
      return isInteger(value['height'], 0) && (value['have'] === null || isArrayOf(value['have'], isText));
    case 'blocks-request':
      return isInteger(value['from'], 1);
    case 'blocks':
      return isArrayOf(value['blocks'], isCommittedBlock);
    case 'transactions':
      return isArrayOf(value['transactions'], isTransaction);
    case 'share':
      return isInteger(value['height'], 1) && isText(value['block']) && isText(value['share']);
    case 'share-rejected':
      return isInteger(value['height'], 1);
    default:
      return false;
  }
}

function isSigned(value: Fields): boolean {
  return (
    isInteger(value['height'], 1) &&
    isInteger(value['round'], 0) &&
    isText(value['validator']) &&
    isText(value['signature'])
  );
}

function isBlock(value: unknown): value is Block {
  return (
    isFields(value) &&
    isInteger(value['height'], 1) &&
    isText(value['previousHash']) &&
    isText(value['appHash']) &&
    isInteger(value['time'], 0) &&
    isText(value['proposer']) &&
    isArrayOf(value['transactions'], isTransaction) &&
    (value['tss'] === undefined || isTss(value['tss']))
  );
}

function isTss(value: unknown): boolean {
  if (!isFields(value)) return false;
  const isShare = (entry: unknown): boolean => isFields(entry) && isText(entry['validator']) && isText(entry['share']);
  return isArrayOf(value['shares'], isShare) && (value['signature'] === undefined || isText(value['signature']));
}

function isCommittedBlock(value: unknown): boolean {
  if (!isFields(value) || !isBlock(value['block']) || !isFields(value['commit'])) return false;
  const { height, round, block, signatures } = value['commit'];
  const isSignature = (entry: unknown): boolean =>
    isFields(entry) && isText(entry['validator']) && isText(entry['signature']);
  return isInteger(height, 1) && isInteger(round, 0) && isText(block) && isArrayOf(signatures, isSignature);
}

const isTransaction = (value: unknown): boolean => typeof parseTransaction(value) !== 'string';
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= 1024;
const isInteger = (value: unknown, least: number): boolean => Number.isSafeInteger(value) && (value as number) >= least;
const isArrayOf = (value: unknown, check: (entry: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(check);
