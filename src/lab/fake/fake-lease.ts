import { abortedError } from '../../core/clock.ts';
import type { LabLease, LeaseOwner } from '../lab.ts';
import { heldError, isProvablyGone, lostError } from '../lease.ts';
import type { FakeWorld } from './fake-world.ts';

/** Takes the lease of a fake world's testnet, which several labs of one world compete for. */
export async function takeFakeLease(
  world: FakeWorld,
  testnet: string,
  owner: LeaseOwner,
  lastToken: number,
): Promise<LabLease> {
  const held = world.lease;
  if (held && !held.isOwnerGone && !(await isProvablyGone(held.owner))) {
    throw await heldError(testnet, held, 'world.lease = undefined');
  }
  // Somebody else may have been faster while the owner was looked up.
  if (world.lease && world.lease !== held) throw await heldError(testnet, world.lease, 'world.lease = undefined');
  world.lastToken = Math.max(world.lastToken, lastToken) + 1;
  const own = { token: world.lastToken, owner, isOwnerGone: false };
  world.lease = own;
  return {
    token: own.token,
    check: async ({ signal } = {}) => {
      if (signal?.aborted) throw abortedError(signal);
      if (world.lease !== own) throw lostError(testnet, own.token, world.lease);
    },
    release: async () => {
      if (world.lease === own) world.lease = undefined;
    },
  };
}
