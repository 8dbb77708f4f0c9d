import { createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** Hex SHA-256 of a text or of bytes. */
export const sha256 = (data: string | Buffer): string => hash('sha256', data);

/** Signs bytes with the node's own Ed25519 key; the result is base64url. */
export type Sign = (bytes: Buffer) => string;

export function signerOf(privateKey: KeyObject): Sign {
  return (bytes) => sign(null, bytes, privateKey).toString('base64url');
}

export function privateKeyFromPem(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`expected an Ed25519 key, got ${key.asymmetricKeyType}`);
  return key;
}

/** The raw 32 bytes of the public half, base64url: the form in which the genesis file names a validator's key. */
export function publicKeyOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '';
}

export function publicKeyFromRaw(raw: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw }, format: 'jwk' });
}

export function isSignedBy(publicKey: KeyObject, bytes: Buffer, signature: string): boolean {
  return verify(null, bytes, publicKey, Buffer.from(signature, 'base64url'));
}
