import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadProfile } from '../../../src/spec/load-profile.ts';
import { loadTestnetFile } from '../../../src/spec/load.ts';
import { expandNodes } from '../../../src/spec/nodes.ts';
import { testnetJsonSchema } from '../../../src/spec/testnet.ts';

const root = join(import.meta.dirname, '../../..');
const stacks = join(root, 'stacks');
const files = (await readdir(stacks)).filter((file) => /^[a-z].*\.yaml$/.test(file));

describe('the published schema', () => {
  test('is what the code says now (node scripts/write-schema.ts brings it up to date)', async () => {
    const published = JSON.parse(await readFile(join(stacks, 'testnet.schema.json'), 'utf8')) as unknown;
    expect(published).toEqual(JSON.parse(JSON.stringify(testnetJsonSchema())));
  });

  test('describes every key of the file and refuses unknown ones', () => {
    const { properties, additionalProperties, required } = testnetJsonSchema() as {
      properties: Record<string, { description?: string }>;
      additionalProperties: boolean;
      required: string[];
    };
    expect(additionalProperties).toBe(false);
    expect(required).toEqual(['system', 'lab', 'version', 'nodes']);
    expect(Object.keys(properties)).toHaveLength(17);
    const undescribed = Object.entries(properties).filter(([, { description }]) => description === undefined);
    expect(undescribed.map(([key]) => key)).toEqual([]);
  });
});

describe('every testnet file of the repository', () => {
  test('there are some', () => {
    expect(files).toEqual(expect.arrayContaining(['dev.yaml', 'local.yaml']));
  });

  test.each(files)('%s names the schema in its first line and is sound', async (file) => {
    const text = await readFile(join(stacks, file), 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=testnet.schema.json');
    const loaded = await loadTestnetFile(join(stacks, file));
    const nodes = expandNodes(loaded, await loadProfile(root, loaded.spec.system));
    expect(nodes.length).toBeGreaterThan(0);
  });
});

test('an unknown system is told with the nearest one and its place in the file', async () => {
  const position = { file: 'net.yaml', line: 1, column: 9 };
  await expect(loadProfile(root, 'refrence', position)).rejects.toThrow(
    'net.yaml:1:9: unknown system refrence; did you mean reference?',
  );
});
