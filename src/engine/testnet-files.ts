import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';

/** Path of a testnet's file by the testnet's name. Throws UsageError naming the nearest one that exists. */
export async function testnetFile(root: string, name: string): Promise<string> {
  const known = await testnetNames(root);
  if (!known.includes(name)) throw new UsageError(`there is no testnet ${name}${didYouMean(name, known)}`);
  return join(root, 'stacks', `${name}.yaml`);
}

/** Names of all testnets that have a file. Pulumi's own stack files start with a capital letter. */
export async function testnetNames(root: string): Promise<string[]> {
  const files = await readdir(join(root, 'stacks')).catch(() => []);
  return files.filter((file) => /^[a-z][a-z0-9-]*\.yaml$/.test(file)).map((file) => file.slice(0, -'.yaml'.length));
}
