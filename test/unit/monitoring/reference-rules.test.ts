import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertNames, expectFiring, type InputSeries } from '../../helpers/alerts.ts';
import { hasProgram } from '../../helpers/programs.ts';

const rules = await readFile(join(import.meta.dirname, '../../../systems/reference/alert-rules.yml'), 'utf8');
const names = ['a', 'b', 'c', 'd'];

function labels(node: string, more = ''): string {
  return `{testnet="dev",node="${node}",job="nodes"${more}}`;
}

/** Series of four nodes that commit a block a second, sampled every five seconds. */
function healthy(): InputSeries {
  return Object.assign(
    {},
    ...names.map((node) => ({
      [`refchain_height${labels(node)}`]: '100+5x800',
      [`refchain_peers${labels(node)}`]: '3x800',
      [`refchain_rounds_missed_total${labels(node)}`]: '0x800',
      [`refchain_mempool_transactions${labels(node)}`]: '20x800',
      [`refchain_build_info${labels(node, ',version="1.0.0"')}`]: '1x800',
      [`refchain_http_requests_total${labels(node, ',route="/tx",code="200"')}`]: '0+10x800',
    })),
  ) as InputSeries;
}

/** `count`: how many times the alert fires; once unless said otherwise. */
const cases: Record<string, { change: InputSeries; evalTime?: string; count?: number }> = {
  // The whole chain halts: one node alone would also widen the spread.
  RefchainHeightStalled: {
    change: Object.fromEntries(names.map((node) => [`refchain_height${labels(node)}`, '100+5x10 150x60'])),
    count: names.length,
  },
  RefchainHeightSpread: { change: { [`refchain_height${labels('d')}`]: '80+5x800' } },
  RefchainPeersLow: { change: { [`refchain_peers${labels('d')}`]: '3x5 1x795' } },
  RefchainRoundsMissed: { change: { [`refchain_rounds_missed_total${labels('d')}`]: '0+2x800' } },
  RefchainHttpErrors: {
    change: { [`refchain_http_requests_total${labels('d', ',route="/tx",code="500"')}`]: '0+1x800' },
  },
  RefchainMempoolGrowing: { change: { [`refchain_mempool_transactions${labels('d')}`]: '900+10x800' } },
  RefchainVersionsMixed: {
    change: {
      [`refchain_build_info${labels('d', ',version="1.0.0"')}`]: '_x800',
      [`refchain_build_info${labels('d', ',version="1.1.0"')}`]: '1x800',
    },
    evalTime: '61m',
  },
};

test('every alert of the reference chain has a case that fires it', () => {
  expect(Object.keys(cases).sort()).toEqual(alertNames(rules).sort());
});

describe.skipIf(!hasProgram('promtool'))('alerts of the reference chain (needs promtool)', () => {
  test('a healthy chain fires none', () => expectFiring(rules, healthy(), '3m', {}));

  test.each(Object.entries(cases))(
    '%s fires when its cause is there, and no other does',
    (name, { change, evalTime, count }) =>
      expectFiring(rules, { ...healthy(), ...change }, evalTime ?? '3m', { [name]: count ?? 1 }),
  );

  test('two versions beside each other during an upgrade are not yet an alert', () =>
    expectFiring(rules, { ...healthy(), ...cases['RefchainVersionsMixed']?.change }, '30m', {}));

  test('a single node has no peers and is not called lonely', () =>
    expectFiring(rules, { [`refchain_peers${labels('a')}`]: '0x40' }, '2m', {}));
});
