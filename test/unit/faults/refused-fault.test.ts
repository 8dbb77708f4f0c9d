import { describe, expect, test } from 'vitest';
import { RefusedError } from '../../../src/core/errors.ts';
import { beginFault } from '../../../src/faults/begin-fault.ts';
import { faultWorld, type FaultWorld } from '../../helpers/fault-world.ts';

describe('a fault is refused, and nothing touched,', () => {
  const refused = async (one: FaultWorld, ...input: Parameters<typeof beginFault>): Promise<RefusedError> => {
    const eventsBefore = one.events.length;
    const error = await beginFault(...input).catch((thrown: unknown) => thrown);
    if (!(error instanceof RefusedError)) throw new Error(`not refused: ${String(error)}`);
    expect(one.events).toHaveLength(eventsBefore);
    return error;
  };

  test('when the lab lacks what it takes', async () => {
    const one = await faultWorld();
    one.lab.world.faults.missing.set('dns', 'this kernel has no names');
    const error = await refused(one, one.setting(one.compile('dns', 'n0')));
    expect(error).toMatchObject({ code: 'unsupported' });
    expect(error.message).toContain('this kernel has no names');
    const { observe } = one.lab;
    const none = await refused(one, one.setting(one.compile('dns', 'n0'), { lab: { observe } }));
    expect(none.message).toContain('nothing can be broken on purpose on this lab');
  });

  test('when its target is down or does not answer', async () => {
    const one = await faultWorld();
    one.lab.world.crash('n0');
    const error = await refused(one, one.setting(one.compile('kill', 'n0'), { down: () => ['n0'] }));
    expect(error.message).toContain('n0 is stopped');
    const probes = { isAlive: async () => false };
    const mute = await refused(one, one.setting(one.compile('kill', 'n1'), { down: () => ['n0'], probes }));
    expect(mute.message).toContain('n1 runs and does not answer');
  });

  test('when the monitoring that it would take away does not run', async () => {
    const one = await faultWorld();
    one.lab.world.crash('prometheus');
    const error = await refused(one, one.setting(one.compile('prometheus-gone', '')));
    expect(error.message).toContain('prometheus is stopped, so that nothing can be shown on it');
  });

  test('when the network is not whole before it', async () => {
    const one = await faultWorld();
    one.lab.world.crash('n3');
    const error = await refused(one, one.setting(one.compile('pause', 'n0')));
    expect(error).toMatchObject({ code: 'unsafe' });
    expect(error.message).toContain('n0 → n3: new connections are blocked');
  });

  test('when clients are to be cut off and nobody looks from where they are, or they are off already', async () => {
    const one = await faultWorld();
    const fault = one.compile('partition', '', ['topology=clients']);
    const { isAlive } = one.setting(fault).probes;
    expect((await refused(one, one.setting(fault, { probes: { isAlive } }))).message).toContain('where clients are');
    const probes = { isAlive, clientReaches: async () => false };
    expect((await refused(one, one.setting(fault, { probes }))).message).toContain('clients do not reach n0 as it is');
  });

  test('when the same is done to a node or a link already', async () => {
    const one = await faultWorld();
    const first = one.compile('partition', 'n1,n0', ['topology=link']);
    const live = await beginFault(one.setting(first));
    const { node } = first.leases[0] ?? {};
    const same = one.compile('partition', node?.name ?? '', ['topology=isolate'], 'f2');
    expect((await refused(one, one.setting(same, { live: () => [first] }))).message).toContain(
      'fault f1-0 (cut) acts on',
    );
    const peer = node?.name === 'n0' ? 'n1' : 'n0';
    const slow = one.compile('delay', peer, ['delay=100ms'], 'f3');
    const link = await refused(one, one.setting(slow, { live: () => [first] }));
    expect(link.message).toContain(`fault f1 (partition) acts on the link ${peer} → ${node?.name} already`);
    await live.heal();
  });
});
