import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { LabError, RefusedError } from '../core/errors.ts';
import { isAlive, processIdentity } from '../core/process-identity.ts';
import type { LeaseOwner } from './lab.ts';

/** A lease as it lies on a lab. */
export interface LeaseFacts {
  token: number;
  owner: LeaseOwner;
}

/** A process that cannot be mistaken for another one, here or elsewhere. */
export type ProcessOrigin = Pick<LeaseOwner, 'host' | 'bootId' | 'pid' | 'startTicks' | 'pidNamespace'>;

/** This process; undefined on a system without /proc. */
export async function processOrigin(): Promise<ProcessOrigin | undefined> {
  const identity = await processIdentity(process.pid);
  if (!identity) return undefined;
  const pidNamespace = await ownPidNamespace();
  return { host: hostname(), ...identity, ...(pidNamespace !== undefined && { pidNamespace }) };
}

/** This process, as the owner of a lease. `since` is ISO 8601. Throws RefusedError('unsupported') without /proc. */
export async function leaseOwner(purpose: string, since: string): Promise<LeaseOwner> {
  const origin = await processOrigin();
  if (origin) return { ...origin, purpose, since };
  throw new RefusedError('unsupported', 'this system has no /proc, which a lease needs to know its owner');
}

/**
 * Whether an owner's process is provably gone: it was one of this very boot, and /proc knows it no more. Of another machine, of a
 * container with pids of its own and of another boot nothing can be proven; a machine of the same name may be another one.
 * `isLabThisMachine`: the lab cannot be used from elsewhere, so that an owner of another boot went with that boot.
 */
export async function isProvablyGone(
  owner: ProcessOrigin,
  options: { isLabThisMachine?: boolean } = {},
): Promise<boolean> {
  if (owner.host !== hostname()) return false;
  const self = await processIdentity(process.pid);
  if (!self) return false;
  if (owner.bootId !== self.bootId) return options.isLabThisMachine ?? false;
  const { pidNamespace } = owner;
  if (pidNamespace !== undefined && pidNamespace !== (await ownPidNamespace())) return false;
  return !(await isAlive(owner));
}

/** The refusal of a second operator. `removal`: the command that takes the lease away by hand. */
export async function heldError(testnet: string, { owner, token }: LeaseFacts, removal: string): Promise<RefusedError> {
  const self = await processIdentity(process.pid);
  const isHere = owner.host === hostname() && owner.bootId === self?.bootId;
  const advice = isHere
    ? 'wait for it or interrupt it'
    : `wait for it, or interrupt it there; only if it is gone for good, remove its lease by hand: ${removal}`;
  return new RefusedError('locked', `testnet ${testnet} is being changed by ${describeOwner(owner)}; ${advice}`, {
    details: { testnet, holder: owner, token },
  });
}

/** What the holder of a lease is told that is its no more. `now` is who holds it instead. */
export function lostError(testnet: string, token: number, now: LeaseFacts | undefined): RefusedError {
  const who = now
    ? `${describeOwner(now.owner)} took it over with token ${now.token}`
    : 'it was removed from the lab, and nobody holds it now';
  return new RefusedError('locked', `the lease of testnet ${testnet} with token ${token} is lost: ${who}`, {
    details: { testnet, token, holder: now?.owner, holderToken: now?.token },
  });
}

/** Reads a lease from JSON. Throws a LabError naming the place when it is none. */
export function parseLease(text: string, place: string): LeaseFacts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LabError(`${place} is not a lease: it is not JSON`, { cause });
  }
  if (!isLease(value)) throw new LabError(`${place} is not a lease: its owner or token is missing`);
  return value;
}

function isLease(value: unknown): value is LeaseFacts {
  const { token, owner } = (value ?? {}) as Partial<Record<keyof LeaseFacts, unknown>>;
  if (!Number.isSafeInteger(token) || typeof owner !== 'object' || owner === null) return false;
  const fields = owner as Record<string, unknown>;
  const texts = ['host', 'bootId', 'startTicks', 'purpose', 'since'];
  return Number.isSafeInteger(fields['pid']) && texts.every((field) => typeof fields[field] === 'string');
}

function describeOwner({ purpose, host, pid, since }: LeaseOwner): string {
  return `${purpose} on ${host} (pid ${pid}, since ${since})`;
}

async function ownPidNamespace(): Promise<string | undefined> {
  return readlink('/proc/self/ns/pid').catch(() => undefined);
}
