import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
/** Prints the address of each module that is loaded. */
const hook = `import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { console.error('loaded ' + url); return next(url, context); } });`;

/** Modules that Node loads when it is called so, by their addresses. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const script = `data:text/javascript,${encodeURIComponent(hook)}`;
  const { stderr } = await execa(process.execPath, ['--import', script, ...args], { cwd: root, reject: false });
  return stderr.split('\n').flatMap((line) => (line.startsWith('loaded ') ? line.slice('loaded '.length) : []));
}

test('a look at nodes loads no schemas and nothing that reads journals', async () => {
  const loaded = await loadedBy('bin/seatrial.js', 'status', 'no-such-testnet');
  expect(loaded.some((url) => url.endsWith('/src/cli/commands/status.ts'))).toBe(true);
  expect(loaded.filter((url) => /\/node_modules\/zod\/|\/src\/journal\//.test(url))).toEqual([]);
});

test('a look at processes loads nothing that copies their data', async () => {
  const loaded = await loadedBy('src/lab/process/process-lab.ts');
  expect(loaded.some((url) => url.endsWith('/src/lab/process/spawn-node.ts'))).toBe(true);
  expect(loaded.filter((url) => /\/node_modules\/|\/src\/(engine|journal)\//.test(url))).toEqual([]);
});
