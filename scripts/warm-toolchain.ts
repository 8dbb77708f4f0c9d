/**
 * Gets the Pulumi CLI into this user's cache, where a project that needs one finds it: building it takes minutes, once on a machine. Takes only
 * what processor nobody else wants. Ends early on SIGINT and SIGTERM.
 *
 *   node scripts/warm-toolchain.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setupToolchain } from '../toolchain/setup.ts';

setPriority(constants.priority.PRIORITY_LOW);
const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
const root = await mkdtemp(join(tmpdir(), 'seatrial-warm-'));
try {
  await setupToolchain({ root, downloads: false, signal: ended.signal });
} finally {
  await rm(root, { recursive: true, force: true });
}
