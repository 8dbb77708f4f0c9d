import { cp, mkdtemp, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const cruised = ['src', 'runbooks', 'systems', 'stacks', 'node', 'toolchain', 'bin'];

async function cruise(folder: string): Promise<{ isClean: boolean; output: string }> {
  const program = join(root, 'node_modules/.bin/depcruise');
  const { all } = await execa(program, ['--config', '.dependency-cruiser.js', ...cruised], {
    cwd: folder,
    all: true,
    reject: false,
  });
  // The exit code is the number of errors, which a shell cuts to a byte: only the sentence proves that there are none.
  return { isClean: all.includes('no dependency violations found'), output: all };
}

test('the product keeps its import rules', async () => {
  const { isClean, output } = await cruise(root);
  expect(isClean, output).toBe(true);
});

describe('the check itself finds', () => {
  let copy: string;

  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'seatrial-rules-'));
    for (const name of [...cruised, 'grafana', 'package.json', 'tsconfig.json', '.dependency-cruiser.js']) {
      await cp(join(root, name), join(copy, name), { recursive: true });
    }
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rm(copy, { recursive: true, force: true }));

  test.each([
    [
      'a type-only import of an adapter',
      'src/gates/planted.ts',
      "import type { ProcessLabOptions } from '../lab/process/process-lab.ts';\nexport type Planted = ProcessLabOptions;",
      'layer-gates',
    ],
    [
      'a dynamic import of an adapter',
      'src/engine/planted.ts',
      "export const planted = () => import('../lab/docker/docker-lab.ts');",
      'layer-engine',
    ],
    [
      'a re-export across layers',
      'src/core/planted.ts',
      "export { gateProfile } from '../gates/profiles.ts';",
      'layer-core',
    ],
    [
      'one adapter using another',
      'src/lab/docker/planted.ts',
      "export { createProcessLab } from '../process/process-lab.ts';",
      'layer-lab-docker',
    ],
    [
      'the product using a test',
      'src/report/planted.ts',
      "export { default as planted } from '../../test/planted.ts';",
      'no-tests-in-product',
    ],
    [
      'a folder without a rule',
      'src/helpers/planted.ts',
      "export { sha256 } from '../core/canonical.ts';",
      'listed-folders',
    ],
    [
      'a package outside its adapter',
      'src/load/planted.ts',
      "export { default as planted } from 'dockerode';",
      'only-docker-adapter',
    ],
    [
      'a runbook behind the public API',
      'runbooks/planted.ts',
      "export { loadTestnetFile } from '../src/spec/load.ts';",
      'public-api-only',
    ],
    [
      'the node using the product',
      'node/planted.ts',
      "export { sha256 } from '../src/core/canonical.ts';",
      'node-stands-alone',
    ],
  ])('%s', async (_what, file, content, rule) => {
    await mkdir(join(copy, 'test'), { recursive: true });
    await writeFile(join(copy, 'test/planted.ts'), 'export default 1;\n');
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await writeFile(join(copy, file), `${content}\n`);
    try {
      const { isClean, output } = await cruise(copy);
      expect(isClean).toBe(false);
      expect(output).toContain(`error ${rule}: ${file}`);
    } finally {
      await rm(join(copy, file));
    }
  });
});
