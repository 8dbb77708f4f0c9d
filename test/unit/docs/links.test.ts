import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchorsOf, readPages, root } from './pages.ts';

const pages = await readPages();

const links = pages.flatMap(({ path, prose }) =>
  [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) =>
    /^[a-z]+:/.test(target) ? [] : [{ page: path, target }],
  ),
);

/** Files of the project that a page names as inline code: with a folder, and without a placeholder. */
const named = pages.flatMap(({ path, prose }) =>
  [
    ...prose.matchAll(
      /`((?:src|stacks|systems|runbooks|node|toolchain|grafana|test|docs|bench|scripts|bin)\/[\w./-]*)`/g,
    ),
  ].map(([, file = '']) => ({ page: path, file })),
);

/** Files that a page tells its reader to make. */
const toBeMade = new Set(['stacks/mine.yaml', 'stacks/hello.yaml', 'runbooks/one-node.ts', 'systems/tiny/profile.ts']);

describe('links and files in the documents', () => {
  test('there are links and files to check on the first page', () => {
    expect(links.filter(({ page }) => page === 'README.md').length).toBeGreaterThan(8);
    expect(named.length).toBeGreaterThan(20);
  });

  test.each(links.map(({ page, target }) => [page, target]))('%s links to %s, which is there', async (page, target) => {
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? page : normalize(join(dirname(page), file));
    expect(existsSync(join(root, path)), path).toBe(true);
    if (anchor === undefined) return;
    expect(anchorsOf({ prose: await readFile(join(root, path), 'utf8') })).toContain(anchor);
  });

  test.each(named.filter(({ file }) => !toBeMade.has(file)).map(({ page, file }) => [page, file]))(
    '%s names %s, which is there',
    (_page, file) => {
      expect(existsSync(join(root, file)), file).toBe(true);
    },
  );

  test('every page of docs is linked from the README', () => {
    const targets = links.filter(({ page }) => page === 'README.md').map(({ target }) => target);
    for (const { path } of pages.filter((page) => page.path !== 'README.md')) expect(targets).toContain(path);
  });
});
