import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leaseOwner, isProvablyGone, parseLease } from '../../../src/lab/lease.ts';
import { takeFileLease } from '../../../src/lab/lease-file.ts';
import { createFakeLab } from '../../../src/lab/fake/fake-lab.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const self = await leaseOwner('up', '2026-01-01T00:00:00Z');
const noPid = 2 ** 22 + 1;

describe('an owner', () => {
  test('that is this very process is not gone', async () => {
    expect(await isProvablyGone(self)).toBe(false);
  });

  test('of this boot whose pid nobody has, or another process has now, is provably gone', async () => {
    expect(await isProvablyGone({ ...self, pid: noPid })).toBe(true);
    expect(await isProvablyGone({ ...self, startTicks: '1' })).toBe(true);
    const { host, bootId, startTicks } = self;
    expect(await isProvablyGone({ host, bootId, pid: noPid, startTicks })).toBe(true);
  });

  test('of another host, boot or pid namespace is not provably gone, be its pid free here', async () => {
    expect(await isProvablyGone({ ...self, pid: noPid, host: 'elsewhere' })).toBe(false);
    expect(await isProvablyGone({ ...self, pid: noPid, bootId: 'another' })).toBe(false);
    expect(await isProvablyGone({ ...self, pid: noPid, pidNamespace: 'pid:[1]' })).toBe(false);
  });

  test('of an earlier boot is gone where the lab cannot be used from another machine', async () => {
    const rebooted = { ...self, bootId: 'another' };
    expect(await isProvablyGone(rebooted, { isLabThisMachine: true })).toBe(true);
    expect(await isProvablyGone({ ...rebooted, host: 'elsewhere' }, { isLabThisMachine: true })).toBe(false);
  });
});

test.each(['', '{"token": 1', 'null', '{"token":"1","owner":{}}', '{"token":1,"owner":{"host":"a"}}'])(
  'what is no lease is not taken for one: %s',
  (text) => {
    expect(() => parseLease(text, 'the label')).toThrow(/^the label is not a lease/);
  },
);

describe('the lease in a folder', () => {
  const take = (stateDir: string, lastToken = 0): ReturnType<typeof takeFileLease> =>
    takeFileLease({ testnet: 'demo', stateDir, owner: self, lastToken });

  test('keeps its token when it is released, so that the next is higher without a journal', async () => {
    const stateDir = await temporaryFolder();
    await (await take(stateDir, 5)).release();
    const next = await take(stateDir);
    expect(next.token).toBe(7);
    expect(await readdir(join(stateDir, 'lease'))).toEqual(['000000002.json']);
  });

  test('that is damaged is not taken over, and the error names the file and what to do', async () => {
    const stateDir = await temporaryFolder();
    await mkdir(join(stateDir, 'lease'));
    const file = join(stateDir, 'lease', '000000003.json');
    await writeFile(file, '{"token": 3, "own');
    await expect(take(stateDir)).rejects.toThrow(
      `${file} is not a lease; if no command is changing this testnet: rm ${file}`,
    );
  });

  test('clears away what takers that were killed left', async () => {
    const stateDir = await temporaryFolder();
    await mkdir(join(stateDir, 'lease'));
    await writeFile(join(stateDir, 'lease', '.0123456789abcdef'), 'half');
    await take(stateDir);
    expect(await readdir(join(stateDir, 'lease'))).toEqual(['000000001.json']);
  });
});

describe('the lease of the fake world', () => {
  const world = (): ReturnType<typeof createFakeLab> =>
    createFakeLab({ topology: { testnet: 'demo' }, clock: createVirtualClock() });

  test('is lost when the script gives it to another operator', async () => {
    const lab = world();
    const lease = await lab.takeLease('demo', self);
    lab.world.giveLeaseTo({ ...self, host: 'elsewhere', purpose: 'run rollback' });
    await expect(lease.check()).rejects.toThrow(/run rollback on elsewhere .* took it over with token 2/);
    await lease.release();
    await expect(lab.takeLease('demo', self)).rejects.toMatchObject({ code: 'locked' });
  });

  test('is taken over after the script killed its owner, by whoever comes next', async () => {
    const lab = world();
    const lease = await lab.takeLease('demo', self);
    await expect(lab.takeLease('demo', self)).rejects.toMatchObject({ code: 'locked' });
    lab.world.killLeaseOwner();
    const next = await lab.takeLease('demo', { ...self, purpose: 'resume' });
    expect(next.token).toBe(2);
    await expect(lease.check()).rejects.toThrow('resume');
    await next.check();
  });
});
