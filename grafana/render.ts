/** Writes what is generated in this folder: `node grafana/render.ts`. A test compares the files with what this would write. */
import { join } from 'node:path';
import { writeFileAtomic } from '../src/core/files.ts';
import { rendered } from './rendered.ts';

for (const [path, content] of Object.entries(rendered())) {
  await writeFileAtomic(join(import.meta.dirname, path), content);
}
