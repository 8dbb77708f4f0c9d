import { createPrivateKey } from 'node:crypto';
import { publicKeyOf, signerOf } from '../../../node/keys.ts';
import type { Sign } from '../../../node/keys.ts';
import { ValidatorSet } from '../../../node/validators.ts';
import type { Genesis } from '../../../node/validators.ts';

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface TestChain {
  readonly genesis: Genesis;
  readonly validators: ValidatorSet;
  readonly ids: readonly string[];
  sign(id: string): Sign;
}

/** A chain with keys that are the same in every run. */
export function testChain(powers: readonly number[] = [1, 1, 1, 1], blockIntervalMs = 200): TestChain {
  const ids = powers.map((_, index) => `validator-${index}`);
  const keys = ids.map((_, index) =>
    createPrivateKey({ key: Buffer.concat([pkcs8Prefix, Buffer.alloc(32, index + 1)]), format: 'der', type: 'pkcs8' }),
  );
  const signers = new Map(keys.map((key, index) => [ids[index], signerOf(key)]));
  const validators = keys.map((key, index) => ({
    id: ids[index] ?? '',
    publicKey: publicKeyOf(key),
    power: powers[index] ?? 1,
  }));
  const genesis = { chainId: 'test', blockIntervalMs, validators };
  return {
    genesis,
    ids,
    validators: new ValidatorSet(validators),
    sign: (id) => {
      const sign = signers.get(id);
      if (sign === undefined) throw new Error(`no key for ${id}`);
      return sign;
    },
  };
}
