import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RefusedError, UsageError } from '../../../src/core/errors.ts';
import { compileFault, type FaultTestnet } from '../../../src/faults/compile-fault.ts';
import type { CompiledFault } from '../../../src/faults/compiled-fault.ts';
import type { FaultKind } from '../../../src/faults/fault-spec.ts';
import { parseFault } from '../../../src/faults/parse-fault.ts';
import { faultTestnet } from '../../helpers/fault-testnet.ts';

const four = faultTestnet({ powers: [1, 1, 1, 1] });
const halting = faultTestnet({ powers: [1, 1, 1, 1], mayHalt: true });
const monitored = faultTestnet({ powers: [1, 1, 1, 1], hasMonitoring: true });

function compiled(kind: FaultKind, targets: string, set: string[] = [], testnet: FaultTestnet = four): CompiledFault {
  return compileFault(parseFault({ kind, targets, set, for: '60s' }), testnet, 'f1');
}

function refusal(...input: Parameters<typeof compiled>): RefusedError | UsageError {
  try {
    compiled(...input);
  } catch (error) {
    if (error instanceof RefusedError || error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

function expectedOf(fault: CompiledFault, from: string, to: string): CompiledFault['expected'][number] | undefined {
  return fault.expected.find((pair) => pair.from === from && pair.to === to);
}

describe('a compiled fault', () => {
  test('touches one node only where that is enough, in both directions', () => {
    const fault = compiled('partition', 'n1', ['topology=isolate', 'also=clients']);
    expect(fault.leases).toHaveLength(1);
    expect(fault.leases[0]).toMatchObject({ id: 'f1-0', node: { name: 'n1' }, ttlMs: 120_000 });
    const { action } = fault.leases[0] as (typeof fault.leases)[0];
    if (action.kind !== 'cut') throw new Error(action.kind);
    expect(action.rules.map(({ direction, peer }) => `${direction} ${peer}`).sort()).toEqual(
      ['n0', 'n2', 'n3', 'clients'].flatMap((peer) => [`in ${peer}`, `out ${peer}`]).sort(),
    );
    expect(fault.cutFromClients).toEqual(['n1']);
    expect(expectedOf(fault, 'n1', 'n0')).toMatchObject({ fresh: 'blocked', established: 'blocked' });
    expect(expectedOf(fault, 'n2', 'n0')).toMatchObject({ fresh: 'ok', established: 'ok' });
    expect(fault.expected).toHaveLength(12);
  });

  test('prints who reaches whom and what that leaves of the quorum', () => {
    const { sentences, quorum } = compiled('partition', '', ['topology=halves'], halting);
    expect(quorum).toMatchObject({ nodeCount: 4, totalPower: 4, neededPower: 3, outcome: 'halts', seeQuorum: [] });
    expect(sentences).toEqual([
      'network partition (topology=halves) for 60 s',
      '4 nodes with 4 voting power, of which 3 is needed (bft)',
      'n0, n1 reach each other: 2 of 4, no quorum',
      'n2, n3 reach each other: 2 of 4, no quorum',
      'the system halts while it acts',
      'armed on n0, n1; left alone it ends there by itself 120 s after it was armed or last extended',
      'shown by: what is cut is blocked on new and on open connections, what is not still works, and packets are dropped',
      'healed means: all pairs reach each other, on new connections and on those that were open, four looks running',
    ]);
  });

  test('says which pairs are one way, and demands nothing of a stream that nobody acknowledges', () => {
    const fault = compiled('partition', 'n2,n0', ['topology=one-way']);
    expect(fault.quorum.oneWayPairs).toEqual([['n0', 'n2']]);
    expect(fault.sentences).toContain('one way only: n0 → n2');
    expect(expectedOf(fault, 'n2', 'n0')).toMatchObject({ fresh: 'blocked', established: 'blocked' });
    expect(expectedOf(fault, 'n0', 'n2')).toMatchObject({ fresh: 'blocked', established: 'any' });
  });

  test('takes no quorum away unless it is allowed to, and says what is left', () => {
    const refused = refusal('partition', '', ['topology=halves']);
    expect(refused).toMatchObject({ code: 'unsafe', details: { outcome: 'halts' } });
    expect(refused.message).toBe(
      'partition is refused: n0, n1 with 2 of 4 voting power is all that is left together, and 3 is needed (bft), so that the system ' +
        'would halt; halt=allowed lets it, and so does "availability: halt-allowed" in the testnet file',
    );
    expect(compiled('partition', '', ['topology=halves', 'halt=allowed']).quorum.outcome).toBe('halts');
    expect(refusal('kill', 'n0,n1').code).toBe('unsafe');
    expect(compiled('kill', 'n0').quorum.outcome).toBe('goes-on');
    expect(refusal('kill', 'n0', [], { ...four, out: ['n3'] }).code).toBe('unsafe');
    expect(compiled('cpu', 'n0,n1,n2,n3', ['share=0.2']).quorum.outcome).toBe('goes-on');
  });

  test('may halt where a quorum is reached through others only', () => {
    const five = faultTestnet({ powers: [1, 1, 1, 1, 1] });
    const refused = refusal('partition', '', ['topology=chain'], five);
    expect(refused.message).toContain('has a quorum only through others');
    expect(compiled('partition', '', ['topology=chain', 'halt=allowed'], five).quorum.outcome).toBe('may-halt');
  });

  test('may halt where those whose own links lead to a quorum are none together', () => {
    // Both in the middle reach three of four, each another three: neither side hears enough votes without the other's.
    const refused = refusal('partition', '', ['topology=chain']);
    expect(refused.message).toContain('n0, n1, n2, n3 with 4 of 4 voting power has a quorum only through others');
    const allowed = compiled('partition', '', ['topology=chain', 'halt=allowed']).quorum;
    expect(allowed).toMatchObject({ seeQuorum: ['n1', 'n2'], outcome: 'may-halt' });
    // Without power of its own a bridge is nobody's quorum.
    const follower = faultTestnet({ powers: [1, 1, 1, 1, 0] });
    expect(refusal('partition', 'n4', ['topology=bridge'], follower).code).toBe('unsafe');
    expect(compiled('partition', 'n1', ['topology=bridge']).quorum.outcome).toBe('goes-on');
  });

  test('costs no data of so many nodes that no quorum keeps it, unless that is allowed', () => {
    expect(compiled('wipe', 'n0').quorum.outcome).toBe('goes-on');
    const refused = refusal('wipe', 'n0,n1', ['halt=allowed']);
    expect(refused).toMatchObject({ code: 'unsafe' });
    expect(refused.message).toContain('only 2 of 4 voting power keeps its data');
    const both = compiled('wipe', 'n0,n1,n2,n3', ['halt=allowed', 'data-loss=allowed']);
    expect(both.leases).toHaveLength(4);
    expect(both.sentences).toContain('the data of n0, n1, n2, n3 does not come back with the heal');
    expect(refusal('wipe', 'n0', [], faultTestnet({ powers: [0], rule: 'none' })).code).toBe('unsafe');
  });

  test('stays within its limits', () => {
    const limited = (limits: FaultTestnet['limits']): FaultTestnet => ({ ...halting, ...(limits ? { limits } : {}) });
    const tooMany = refusal('kill', 'n0,n1', [], limited({ maxNodes: 1 }));
    expect(tooMany.message).toContain('it touches 2 nodes (n0, n1), and at most 1 may be touched');
    expect(refusal('partition', '', ['topology=halves'], limited({ maxPower: 1 })).message).toContain(
      'power of 2 (n2, n3)',
    );
    expect(compiled('kill', 'n0', [], limited({ maxNodes: 1, maxPower: 1 })).leases).toHaveLength(1);
  });

  test('demands the delays of both ends in a round trip, and nothing of lossy pairs', () => {
    const delay = compiled('delay', 'n0,n1', ['delay=200ms', 'jitter=20ms']);
    expect(expectedOf(delay, 'n0', 'n1')?.minRoundTripMs).toBeCloseTo(2 * 180 * 0.9);
    expect(expectedOf(delay, 'n2', 'n1')?.minRoundTripMs).toBeCloseTo(180 * 0.9);
    expect(expectedOf(delay, 'n2', 'n3')).toEqual({ from: 'n2', to: 'n3', fresh: 'ok', established: 'ok' });
    const loss = compiled('loss', 'n0', ['loss=0.3', 'peers=n1']);
    expect(expectedOf(loss, 'n1', 'n0')).toMatchObject({ fresh: 'any', established: 'any' });
    expect(expectedOf(loss, 'n0', 'n2')).toMatchObject({ fresh: 'ok' });
  });

  test('by port acts on what the node listens on, from all nodes and clients', () => {
    const fault = compiled('reject', 'n1', ['ports=p2p']);
    expect(fault.leases[0]?.action).toEqual({
      kind: 'cut',
      rules: ['n0', 'n2', 'n3', 'clients'].map((peer) => ({
        direction: 'in',
        peer,
        ports: ['p2p'],
        verdict: 'reject',
      })),
    });
  });

  test.each([
    ['kill', 'n9', [], 'paper has no node n9; did you mean n'],
    ['drop', 'n0', ['ports=p2q'], 'n0 has no port "p2q"; did you mean p2p?'],
    ['drop', 'n0', ['ports=p2p', 'peers=n0'], 'peers of n0 cannot name n0: it is the target itself'],
    ['delay', 'n0', ['delay=1s', 'peers=clients'], 'peers of n0 cannot name clients'],
    ['delay', 'n0', ['delay=10ms', 'jitter=20ms'], 'cannot have a jitter of 20 ms'],
    [
      'config',
      'n0',
      ['path=/config/nod.json'],
      'n0 has no configuration file /config/nod.json; did you mean /config/node.json?',
    ],
    ['partition', '', ['topology=flapping'], 'needs of=…'],
    ['partition', '', ['topology=alone', 'period=5s'], 'takes no parameter "period"'],
    ['partition', 'n0', ['topology=isolate', 'also=client'], 'also cannot name client; did you mean clients?'],
    ['partition', '', ['topology=monitoring'], 'the testnet has no monitoring'],
    ['prometheus-gone', '', [], 'paper has no monitoring'],
  ] as const)('of %s on "%s" with %j is refused with what is wrong', (kind, targets, set, message) => {
    expect(refusal(kind, targets, [...set])).toMatchObject({ code: 'usage' });
    expect(refusal(kind, targets, [...set]).message).toContain(message);
  });

  test('takes monitoring away by its container, and cuts it off by its nodes', () => {
    const gone = compiled('alertmanager-gone', '', [], monitored);
    expect(gone.leases).toMatchObject([{ node: { name: 'alertmanager' }, action: { kind: 'monitoring-gone' } }]);
    const blind = compiled('partition', '', ['topology=monitoring'], monitored);
    expect(blind.leases).toHaveLength(4);
    expect(blind.expected.every(({ fresh }) => fresh === 'ok')).toBe(true);
    expect(blind.sentences).toContain('monitoring does not reach n0, n1, n2, n3');
  });

  test('that flaps is what it flaps with, and knows its period', () => {
    const fault = compiled('partition', 'n0', ['topology=flapping', 'of=isolate', 'period=5s']);
    expect(fault.flapMs).toBe(5000);
    expect(fault.leases[0]?.node.name).toBe('n0');
  });

  test('has a dead-man of at most 15 minutes', () => {
    const long = compileFault({ kind: 'pause', targets: ['n0'], parameters: {}, durationMs: 7_200_000 }, four, 'f1');
    expect(long.leases[0]?.ttlMs).toBe(900_000);
  });

  test('cuts every flow of its topology at exactly one end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 50 }),
        fc.constantFrom('halves', 'alone', 'chain', 'majorities-ring', 'clients'),
        (count, topology) => {
          const testnet = faultTestnet({
            powers: Array.from({ length: count }, () => 1),
            mayHalt: true,
            rule: 'majority',
          });
          let fault: CompiledFault;
          try {
            fault = compiled('partition', '', [`topology=${topology}`], testnet);
          } catch (error) {
            if (error instanceof RefusedError) return;
            throw error;
          }
          const flows = fault.leases.flatMap(({ node, action }) =>
            action.kind === 'cut'
              ? action.rules.map(({ direction, peer }) =>
                  direction === 'in' ? `${peer}>${node.name}` : `${node.name}>${peer}`,
                )
              : [],
          );
          expect(new Set(flows).size).toBe(flows.length);
          for (const { from, to, established } of fault.expected) {
            expect(flows.includes(`${from}>${to}`)).toBe(established === 'blocked');
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
