import { AsyncLocalStorage } from 'node:async_hooks';
import type { SystemProfile } from '../../spec/profile.ts';
import type { Tampering } from './bad-world.ts';

/** Which node a profile's function is asking; set by the transport, because a probe client carries no name. */
export interface AskedNode {
  node?: string;
}

/**
 * The profile with other answers of the altered nodes. Its functions ask and decode as always, only what they make of the answer is
 * changed: nobody but the profile knows where in an answer a height or a hash stands.
 */
export function tamperedProfile(
  profile: SystemProfile,
  tampering: Tampering,
  isAltered: (node: string | undefined) => boolean,
  slot: () => number,
): { profile: SystemProfile; asked: AsyncLocalStorage<AskedNode> } {
  const asked = new AsyncLocalStorage<AskedNode>();
  const { status, block } = tampering;
  const { blockAt } = profile;
  const altered: SystemProfile = { ...profile };
  if (status) {
    altered.probe = (client) => {
      const whom: AskedNode = {};
      return asked.run(whom, async () => {
        const real = await profile.probe(client);
        return whom.node !== undefined && isAltered(whom.node) ? status(real, { node: whom.node, slot: slot() }) : real;
      });
    };
  }
  if (block && blockAt) {
    altered.blockAt = (client, height) => {
      const whom: AskedNode = {};
      return asked.run(whom, async () => {
        const real = await blockAt(client, height);
        return real && isAltered(whom.node) ? block(real) : real;
      });
    };
  }
  return { profile: altered, asked };
}
