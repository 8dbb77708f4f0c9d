import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SystemProfile } from '../../../src/spec/profile.ts';
import {
  ensureGroupIdentity,
  ensureIdentities,
  ensurePassword,
  hasGroupIdentity,
  secretFileNames,
} from '../../../src/topology/secrets.ts';
import { plainProfile } from '../../helpers/spec-text.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const empty = { ports: {}, hosts: {}, publicKeys: {} };

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

function keyMaker(): { profile: SystemProfile; made: string[] } {
  const made: string[] = [];
  const identity = (node: string) => {
    made.push(node);
    return { publicKey: `public ${node} ${made.length}`, files: { 'key.pem': `private ${node}`, token: 't' } };
  };
  return { profile: { ...plainProfile, identity }, made };
}

test('keys are made once for each node, 0600 in a folder of 0700; the public half alone goes into the allocation', async () => {
  const stateDir = await temporaryFolder();
  const { profile, made } = keyMaker();
  const first = await ensureIdentities(stateDir, ['n-0', 'n-1'], profile, empty);
  expect(first.publicKeys).toEqual({ 'n-0': 'public n-0 1', 'n-1': 'public n-1 2' });
  expect(JSON.stringify(first)).not.toContain('private');
  for (const node of ['n-0', 'n-1']) {
    expect(await secretFileNames(stateDir, node)).toEqual(['key.pem', 'token']);
    expect(await modeOf(join(stateDir, 'secrets', node))).toBe('700');
    expect(await modeOf(join(stateDir, 'secrets', node, 'key.pem'))).toBe('600');
  }
  const second = await ensureIdentities(stateDir, ['n-0', 'n-1', 'n-2'], profile, first);
  expect(made).toEqual(['n-0', 'n-1', 'n-2']);
  expect(second.publicKeys).toMatchObject(first.publicKeys);
});

test('a system without keys has no secrets', async () => {
  const stateDir = await temporaryFolder();
  expect(await ensureIdentities(stateDir, ['n-0'], plainProfile, empty)).toBe(empty);
  expect(await secretFileNames(stateDir, 'n-0')).toEqual([]);
});

describe('a group identity', () => {
  function groupMaker(): SystemProfile {
    let count = 0;
    const groupIdentity = (nodes: readonly string[]) => {
      count += 1;
      const files = Object.fromEntries(nodes.map((node) => [node, { 'share.key': `share ${count} of ${node}` }]));
      return { publicKey: `group ${count} of ${nodes.join(' ')}`, files };
    };
    return { ...plainProfile, groupIdentity };
  }
  const shareOf = (stateDir: string, node: string): string => join(stateDir, 'secrets', node, 'share.key');

  test('is made once for its members, in the order of their names; each has its own file, 0600', async () => {
    const stateDir = await temporaryFolder();
    const profile = groupMaker();
    const first = await ensureGroupIdentity(stateDir, ['n-1', 'n-0'], profile, empty);
    expect(first.group).toEqual({ publicKey: 'group 1 of n-0 n-1', members: ['n-0', 'n-1'] });
    expect(await readFile(shareOf(stateDir, 'n-1'), 'utf8')).toBe('share 1 of n-1');
    expect(await modeOf(shareOf(stateDir, 'n-1'))).toBe('600');
    expect(await ensureGroupIdentity(stateDir, ['n-0', 'n-1'], profile, first)).toBe(first);
    expect(JSON.stringify(first)).not.toContain('share');
  });

  test('is made anew for all when its members change', async () => {
    const stateDir = await temporaryFolder();
    const profile = groupMaker();
    const first = await ensureGroupIdentity(stateDir, ['n-0', 'n-1'], profile, empty);
    expect(hasGroupIdentity(['n-1', 'n-0'], profile, first)).toBe(true);
    expect(hasGroupIdentity(['n-0', 'n-1', 'n-2'], profile, first)).toBe(false);
    const second = await ensureGroupIdentity(stateDir, ['n-0', 'n-1', 'n-2'], profile, first);
    expect(second.group?.publicKey).toBe('group 2 of n-0 n-1 n-2');
    expect(await readFile(shareOf(stateDir, 'n-0'), 'utf8')).toBe('share 2 of n-0');
  });

  test('is made again as a whole where writing it was cut short before the allocation was stored', async () => {
    const stateDir = await temporaryFolder();
    const profile = groupMaker();
    const first = await ensureGroupIdentity(stateDir, ['n-0'], profile, empty);
    await ensureGroupIdentity(stateDir, ['n-0', 'n-1'], profile, first);
    // The allocation that was stored is still the first one.
    const third = await ensureGroupIdentity(stateDir, ['n-0', 'n-1'], profile, first);
    expect(third.group?.publicKey).toBe('group 3 of n-0 n-1');
    expect(await readFile(shareOf(stateDir, 'n-0'), 'utf8')).toBe('share 3 of n-0');
  });

  test('is not wanted by a system that has none, nor where no node votes', async () => {
    const stateDir = await temporaryFolder();
    expect(await ensureGroupIdentity(stateDir, ['n-0'], plainProfile, empty)).toBe(empty);
    expect(await ensureGroupIdentity(stateDir, [], groupMaker(), empty)).toBe(empty);
  });
});

test('a password is made once, is long, and nobody else can read it', async () => {
  const stateDir = await temporaryFolder();
  const file = await ensurePassword(stateDir, 'grafana');
  const password = await readFile(file, 'utf8');
  expect(password.length).toBeGreaterThanOrEqual(24);
  expect([await modeOf(file), await modeOf(dirname(file))]).toEqual(['600', '700']);
  expect(await ensurePassword(stateDir, 'grafana')).toBe(file);
  expect(await readFile(file, 'utf8')).toBe(password);
  const other = await ensurePassword(await temporaryFolder(), 'grafana');
  expect(await readFile(other, 'utf8')).not.toBe(password);
});
