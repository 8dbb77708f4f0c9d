/** Writes stacks/testnet.schema.json, which editors check testnet files with. Run it after a change of src/spec/testnet.ts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { testnetJsonSchema } from '../src/spec/testnet.ts';

const file = join(import.meta.dirname, '../stacks/testnet.schema.json');
const text = JSON.stringify(testnetJsonSchema());
await writeFile(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
