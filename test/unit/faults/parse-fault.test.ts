import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.ts';
import { catalogue } from '../../../src/faults/catalogue.ts';
import { faultKinds } from '../../../src/faults/fault-spec.ts';
import { parameterValues } from '../../../src/faults/parameter-values.ts';
import { parseFault } from '../../../src/faults/parse-fault.ts';

function refusal(...input: Parameters<typeof parseFault>): string {
  try {
    parseFault(...input);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a typed fault', () => {
  test('becomes plain data', () => {
    const typed = { kind: 'delay', targets: 'validator-0, validator-1', set: ['delay=200ms', 'loss=10%'], for: '60s' };
    const spec = parseFault(typed);
    expect(spec).toEqual({
      kind: 'delay',
      targets: ['validator-0', 'validator-1'],
      parameters: { delay: '200ms', loss: '10%' },
      durationMs: 60_000,
    });
    expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
  });

  test('needs a duration, but for what is over at once', () => {
    expect(refusal({ kind: 'pause', targets: 'a' })).toBe('pause needs a duration, as in --for 60s');
    expect(parseFault({ kind: 'restart', targets: 'a' }).durationMs).toBe(0);
  });

  test.each([
    [{ kind: 'partitoin', for: '1s' }, 'there is no fault "partitoin"; did you mean partition?'],
    [
      { kind: 'pause', targets: 'a', set: ['hlat=allowed'], for: '1s' },
      'pause has no parameter "hlat"; did you mean halt?',
    ],
    [{ kind: 'dns', targets: 'a', set: ['x=1'], for: '1s' }, 'dns has no parameter "x"; it has none'],
    [{ kind: 'pause', targets: 'a', set: ['toString=1'], for: '1s' }, 'pause has no parameter "toString"'],
    [{ kind: 'delay', targets: 'a', for: '1s' }, 'delay needs delay=…: added to each way out of the node, as in 200ms'],
    [{ kind: 'delay', targets: 'a', set: ['delay'], for: '1s' }, '"delay" is no parameter: it is name=value'],
    [{ kind: 'delay', targets: 'a', set: ['delay=1s', 'delay=2s'], for: '1s' }, 'delay is given twice: 1s and 2s'],
    [{ kind: 'delay', targets: 'a', set: ['delay=200'], for: '1s' }, 'delay of delay cannot be "200": a duration is'],
    [{ kind: 'delay', targets: 'a', set: ['delay=2m'], for: '1s' }, 'delay of delay cannot be "2m": it is at most 60s'],
    [{ kind: 'loss', targets: 'a', set: ['loss=1.5'], for: '1s' }, 'loss of loss cannot be "1.5": it is at most 1'],
    [{ kind: 'loss', targets: 'a', set: ['loss=0'], for: '1s' }, 'it is a share above 0'],
    [{ kind: 'bandwidth', targets: 'a', set: ['rate=1mib'], for: '1s' }, 'it is a number with bit, kbit, mbit or gbit'],
    [{ kind: 'bandwidth', targets: 'a', set: ['rate=1kbit'], for: '1s' }, 'it is at least 8kbit'],
    [{ kind: 'memory', targets: 'a', set: ['limit=1KiB'], for: '1s' }, 'it is at least 1MiB'],
    [{ kind: 'config', targets: 'a', set: ['path=x.json'], for: '1s' }, 'it is an absolute path'],
    [{ kind: 'clock', targets: 'a', set: ['offset=soon'], for: '1s' }, 'offset of clock cannot be "soon"'],
    [{ kind: 'partition', set: ['topology=halfs'], for: '1s' }, 'there is no such choice; did you mean halves?'],
    [{ kind: 'partition', set: ['topology=groups', 'groups=4'], for: '1s' }, 'groups are set apart by |'],
    [{ kind: 'partition', for: '1s' }, 'partition needs topology=…: who is cut from whom (isolate, halves,'],
    [{ kind: 'kill', for: '1s' }, 'kill needs nodes to be aimed at'],
    [{ kind: 'kill', targets: 'a,,b', for: '1s' }, 'a name in it is empty'],
    [{ kind: 'kill', targets: 'a,b,a', for: '1s' }, 'a stands in it twice'],
    [{ kind: 'kill', targets: 'a', for: '0s' }, 'it is at least 1ms'],
    [
      { kind: 'restart', targets: 'a', for: '30s' },
      'restart is over at once and takes no duration, but 30s is given; kill or term with --for 30s keep a node down',
    ],
    [{ kind: 'prometheus-gone', targets: 'a', for: '1s' }, 'prometheus-gone is not aimed at nodes, but a is given'],
  ])('%j is refused with what is wrong', (typed, message) => {
    expect(refusal(typed)).toContain(message);
  });

  test('has its values read in their units', () => {
    const read = (kind: (typeof faultKinds)[number], parameters: Record<string, string>) =>
      parameterValues({ kind, parameters });
    expect(read('clock', { offset: '-5m' }).number('offset')).toBe(-300_000);
    expect(read('clock', { offset: '+90s' }).number('offset')).toBe(90_000);
    expect(read('loss', { loss: '2.5%' }).number('loss')).toBe(0.025);
    expect(read('bandwidth', { rate: '1.5mbit' }).number('rate')).toBe(1_500_000);
    expect(read('memory', { limit: '256MiB' }).number('limit')).toBe(268_435_456);
    expect(read('drop', { ports: 'p2p, rpc' }).names('ports')).toEqual(['p2p', 'rpc']);
    expect(read('kill', {}).text('halt')).toBe('refused');
    expect(read('partition', { topology: 'alone' }).number('period')).toBe(10_000);
  });
});

describe('the catalogue', () => {
  test.each(faultKinds)('says of %s what shows that it acts and that it is gone, and has good defaults', (kind) => {
    const entry = catalogue[kind];
    expect(entry.effectProof).not.toBe('');
    expect(entry.healProof).not.toBe('');
    const required = Object.entries(entry.parameters).filter(([, { isRequired }]) => isRequired);
    for (const [name, parameter] of required) expect(parameter.default, name).toBeUndefined();
    for (const [name, parameter] of Object.entries(entry.parameters)) {
      expect(parameter.about, name).not.toBe('');
      if (parameter.choices && parameter.default) expect(parameter.choices).toContain(parameter.default);
    }
  });
});
