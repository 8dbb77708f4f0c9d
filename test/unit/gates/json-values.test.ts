import { describe, expect, test } from 'vitest';
import { numberAt } from '../../../src/gates/json-values.ts';
import { upgrade } from '../../helpers/gate-run.ts';
import { gateWorld } from '../../helpers/gate-world.ts';
import type { JsonCheck } from '../../../src/spec/profile.ts';

describe('a number in JSON', () => {
  const document = { sync: { height: '12345', lag: 0 }, 'a/b': [null, 7], text: 'many', flag: true, empty: '' };

  test.each<[string, unknown]>([
    ['/sync/height', 12345],
    ['/sync/lag', 0],
    ['/a~1b/1', 7],
    ['/a~1b/0', null],
    ['/a~1b/5', null],
    ['/sync/none', null],
    ['/sync/none/deeper', null],
    ['/sync/constructor', null],
    ['/text', 'NaN'],
    ['/flag', 'NaN'],
    ['/empty', 'NaN'],
    ['/sync', 'NaN'],
  ])('at %s is %s: what is absent or no number is never zero', (pointer, value) => {
    expect(numberAt(document, pointer)).toBe(value);
  });
});

describe('a check on a number in JSON', () => {
  const check = (pointer: string, max: number): JsonCheck => ({
    name: 'peers-said',
    source: 'json',
    condition: { kind: 'json', port: 'http', path: '/status', pointer, max },
  });
  const judge = async (checks: JsonCheck) => {
    const world = await gateWorld({ checks: [checks] });
    const keeper = world.keeper();
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0');
    await keeper.close();
    return verdict;
  };

  test('lets a gate pass on a good number, and fails it on a bad one', async () => {
    const good = await judge(check('/peers', 3));
    expect(good).toMatchObject({ kind: 'PASS' });
    expect(good.checks.find(({ check: name }) => name === 'peers-said')).toMatchObject({ ok: 8 });
    expect(await judge(check('/peers', 2))).toMatchObject({
      kind: 'FAIL',
      reason: expect.stringContaining('http /status#/peers is 3, at most 2 is good') as string,
    });
  });

  test('holds a gate when the number is not there', async () => {
    expect(await judge(check('/lag', 2))).toMatchObject({
      kind: 'HOLD',
      reason: expect.stringContaining('empty: http /status#/lag is absent') as string,
    });
  });
});
