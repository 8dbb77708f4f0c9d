import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AbortedError } from '../../../src/core/errors.ts';
import type { Lab, LeaseOwner } from '../../../src/lab/lab.ts';
import { leaseOwner } from '../../../src/lab/lease.ts';

export interface LabsWithLease {
  /** A testnet that nobody holds, on the same lab as all the others. */
  testnet(): Promise<{
    name: string;
    /** Each call gives the lab as another command has it. */
    lab(): Lab;
    /** What is on the lab because of the lease, by name; empty when the testnet is free. */
    traces(): Promise<string[]>;
    /** Takes the lease away as a person would, by hand. */
    removeByHand(): Promise<void>;
  }>;
  /** What the refusal tells to type, for an owner elsewhere. */
  removal: RegExp;
  dispose(): Promise<void>;
}

const since = '2026-01-01T00:00:00Z';
const TAKERS = 8;
/** Higher than any pid that Linux gives. */
const NO_PID = 2 ** 22 + 1;

/** What the port promises of a testnet's lease, on every lab. */
export function leaseContract(name: string, makeLabs: () => Promise<LabsWithLease>): void {
  describe(`lease contract: ${name}`, { timeout: 60_000 }, () => {
    let labs: LabsWithLease;
    let subject: Awaited<ReturnType<LabsWithLease['testnet']>>;
    let self: LeaseOwner;
    let dead: LeaseOwner;

    const take = (owner: LeaseOwner, lastToken = 0): ReturnType<Lab['takeLease']> =>
      subject.lab().takeLease(subject.name, owner, { lastToken });

    beforeAll(async () => {
      labs = await makeLabs();
      self = await leaseOwner('run rolling-upgrade', since);
      dead = { ...self, pid: NO_PID, startTicks: '1', purpose: 'run of a killed command' };
    }, 120_000);
    beforeEach(async () => {
      subject = await labs.testnet();
    });
    afterAll(() => labs.dispose());

    test('a second taker is refused and told who holds the testnet, for what, and since when', async () => {
      const lease = await take(self);
      const second = await take({ ...self, purpose: 'down' }).catch((error: unknown) => error);
      expect(second).toMatchObject({ code: 'locked', details: { testnet: subject.name, token: 1, holder: self } });
      const told = `${subject.name} is being changed by run rolling-upgrade on ${hostname()} (pid ${process.pid}, since ${since})`;
      expect((second as Error).message).toContain(told);
      expect((second as Error).message).toContain('wait for it or interrupt it');
      await lease.check();
      expect(await subject.traces()).toHaveLength(1);
      await lease.release();
    });

    test('a released testnet is free, and the release leaves nothing that holds it', async () => {
      const lease = await take(self);
      await lease.release();
      expect(await subject.traces()).toEqual([]);
      await lease.release();
      const next = await take(self, lease.token);
      expect(next.token).toBe(2);
      // A release that comes late takes nothing from the next holder.
      await lease.release();
      await next.check();
      await next.release();
    });

    test('each token is higher than the one that was there and than the one the taker knows of', async () => {
      const first = await take(dead, 41);
      expect(first.token).toBe(42);
      const second = await take({ ...dead, pid: NO_PID + 1 }, 7);
      expect(second.token).toBe(43);
      const third = await take(self, 99);
      expect(third.token).toBe(100);
      await third.release();
      const fourth = await take(self, 100);
      expect(fourth.token).toBe(101);
      await fourth.release();
    });

    test('a lease whose owner is provably gone is taken over, and the old one is told so', async () => {
      const old = await take(dead);
      await old.check();
      const next = await take(self);
      await next.check();
      const lost = await old.check().catch((error: unknown) => error);
      expect(lost).toMatchObject({ code: 'locked', details: { token: 1, holderToken: 2, holder: self } });
      expect((lost as Error).message).toContain('run rolling-upgrade');
      await old.release();
      await next.check();
      expect(await subject.traces()).toHaveLength(1);
      await next.release();
    });

    test.each([
      ['on another host', { host: 'elsewhere' }],
      ['whose pids cannot be looked up from here', { pidNamespace: 'pid:[1]' }],
    ])('an owner %s is never taken over, for nothing can be proven of it', async (_where, difference) => {
      const away = await take({ ...dead, ...difference });
      const refused = await take(self, 1000).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'locked', details: { holder: { ...dead, ...difference } } });
      await away.check();
      if ('host' in difference) expect((refused as Error).message).toMatch(labs.removal);
      await away.release();
    });

    test('a lease that was removed by hand is lost to its holder, and the testnet free', async () => {
      const away = await take({ ...self, host: 'elsewhere' });
      await subject.removeByHand();
      const lost = await away.check().catch((error: unknown) => error);
      expect(lost).toMatchObject({ code: 'locked' });
      expect((lost as Error).message).toContain('removed');
      const next = await take(self, 1);
      await expect(away.check()).rejects.toMatchObject({ code: 'locked', details: { holder: self } });
      await away.release();
      await next.check();
      await next.release();
    });

    test.each([
      ['a free testnet', false],
      ['the lease of a dead owner', true],
    ])('of eight that take %s at once exactly one gets it', async (_what, isHeldByDead) => {
      if (isHeldByDead) await take(dead, 9);
      const takers = Array.from({ length: TAKERS }, (_, index) => ({ ...self, purpose: `taker ${index}` }));
      // Each knows of other tokens: that must decide nothing.
      const results = await Promise.allSettled(takers.map((owner, index) => take(owner, index % 3)));
      const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      expect(won).toHaveLength(1);
      expect(lost).toHaveLength(TAKERS - 1);
      for (const error of lost) expect(error).toMatchObject({ code: 'locked' });
      if (isHeldByDead) expect(won[0]?.token).toBe(11);
      await won[0]?.check();
      expect(await subject.traces()).toHaveLength(1);
      await won[0]?.release();
      expect(await subject.traces()).toEqual([]);
    });

    test('testnets do not keep each other out', async () => {
      const first = await take(self);
      const other = await labs.testnet();
      const second = await other.lab().takeLease(other.name, self);
      await first.check();
      await second.check();
      await first.release();
      await second.release();
    });

    test('a call whose signal is aborted beforehand takes nothing', async () => {
      const signal = AbortSignal.abort();
      await expect(subject.lab().takeLease(subject.name, self, { signal })).rejects.toThrow(AbortedError);
      expect(await subject.traces()).toEqual([]);
    });
  });
}

/** A name for a testnet that no other test has. */
export function testnetName(): string {
  return `lease-${randomBytes(3).toString('hex')}`;
}
