import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { UsageError, type Runbook, type RunbookNode, type SystemProfile } from '../../../src/index.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';
import { readPages, root } from './pages.ts';

const pages = await readPages();

/** The default export of the first TypeScript block of a page. */
async function exampleOf(path: string): Promise<unknown> {
  const [code = ''] = pages.find((page) => page.path === path)?.typescript ?? [];
  const api = pathToFileURL(join(root, 'src/index.ts')).href;
  const file = join(await temporaryFolder(), 'example.ts');
  await writeFile(file, code.replaceAll(/'(?:\.\.\/)+src\/index\.ts'/g, `'${api}'`));
  return ((await import(pathToFileURL(file).href)) as { default: unknown }).default;
}

const node = (name: string): RunbookNode => ({
  name,
  role: 'validator',
  startOrder: 1,
  votingPower: 1,
  version: '1.0.0',
  flags: {},
  state: 'running',
});

test('the runbook in the documents changes the last node alone, and refuses a release that does not exist', async () => {
  const runbook = (await exampleOf('docs/runbooks.md')) as Runbook;
  const context = {
    testnet: 'local',
    nodes: [node('a-0'), node('a-1')],
    releases: ['1.0.0', '1.1.0'],
    toggles: {},
    gate: 'smoke',
    history: [],
    traffic: true as const,
  };
  expect(runbook.plan({ ...context, parameters: { version: '1.1.0' } })).toEqual({
    changes: [{ node: 'a-1', version: '1.1.0' }],
    onFailure: 'node',
  });
  expect(() => runbook.plan({ ...context, parameters: { version: '9.9.9' } })).toThrow(UsageError);
});

test('the profile in the documents is that of the fixture', async () => {
  const shown = (await exampleOf('docs/systems.md')) as SystemProfile;
  const fixture = (await import('../../fixtures/systems/tiny/profile.ts')).default;
  expect(JSON.parse(JSON.stringify(shown))).toEqual(JSON.parse(JSON.stringify(fixture)));
  const build = { args: { version: '1.0.0' }, output: 'out.mjs' };
  expect(shown.build?.(build)).toEqual(fixture.build?.(build));
});
