import { expect, test } from 'vitest';
import { readDesired, writeDesired } from '../../../src/topology/desired.ts';
import { expandText, soundSpec } from '../../helpers/spec-text.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

test('without a run before it is what the file says', async () => {
  const nodes = await expandText(`${soundSpec}overrides: { validator-3: { version: 1.1.0 } }\n`);
  const { versions } = await readDesired(await temporaryFolder(), 'hash', nodes);
  expect(versions).toEqual({
    'validator-0': '1.0.0',
    'validator-1': '1.0.0',
    'validator-2': '1.0.0',
    'validator-3': '1.1.0',
  });
});

test('what a run left stands as long as the file is unchanged, and is derived anew once it was edited', async () => {
  const folder = await temporaryFolder();
  const nodes = await expandText(soundSpec);
  const left = { 'validator-0': '1.1.0', 'validator-1': '1.1.0', 'validator-2': '1.0.0', 'validator-3': '1.0.0' };
  await writeDesired(folder, { specHash: 'before', versions: left });
  expect((await readDesired(folder, 'before', nodes)).versions).toEqual(left);
  const edited = await readDesired(folder, 'after', nodes);
  expect(new Set(Object.values(edited.versions))).toEqual(new Set(['1.0.0']));
  expect(edited.specHash).toBe('after');
});

test('nodes that a run did not know have the file’s version; nodes that are gone are left out', async () => {
  const folder = await temporaryFolder();
  await writeDesired(folder, { specHash: 'same', versions: { 'validator-0': '1.1.0', 'validator-9': '1.1.0' } });
  const { versions } = await readDesired(folder, 'same', await expandText(soundSpec.replace('4', '2')));
  expect(versions).toEqual({ 'validator-0': '1.1.0', 'validator-1': '1.0.0' });
});
