import { sha256 } from '../core/canonical.ts';
import { messageOf } from '../core/errors.ts';
import { checkRecord } from './record-schema.ts';
import type { RunRecord } from './records.ts';

/** `prev` of the first record. */
export const genesisHash = '0'.repeat(64);

const sumLength = 16;
const sumStart = ',"sum":"';
const suffixLength = sumStart.length + sumLength + '"}'.length;

/**
 * One line of the journal, without its line end. Beside the record it ends in `sum`, the first 16 hex digits of the SHA-256 of the
 * line without it: the chain covers every line but the last one, and an edited last line must be noticed too.
 */
export function encodeLine(record: RunRecord): string {
  const body = JSON.stringify(record);
  return `${body.slice(0, -1)}${sumStart}${sumOf(body)}"}`;
}

/** The record of one line, or a sentence saying what is wrong with it. */
export function decodeLine(line: Buffer): { record: RunRecord } | { problem: string } {
  const bodyEnd = line.length - suffixLength;
  const suffix = line.subarray(Math.max(0, bodyEnd)).toString('latin1');
  if (bodyEnd < 1 || !suffix.startsWith(sumStart) || !suffix.endsWith('"}')) {
    return { problem: 'it is not a journal record: no checksum stands at its end' };
  }
  const body = Buffer.concat([line.subarray(0, bodyEnd), Buffer.from('}')]);
  const written = suffix.slice(sumStart.length, -2);
  const actual = sumOf(body);
  if (written !== actual)
    return { problem: `it was changed: its checksum says ${written}, its content gives ${actual}` };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    return { problem: `it is not JSON (${messageOf(error)})` };
  }
  return checkRecord(value);
}

function sumOf(body: string | Uint8Array): string {
  return sha256(body).slice(0, sumLength);
}
