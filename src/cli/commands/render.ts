import { join, relative } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { renderCompose } from '../../topology/compose.ts';
import { openNamedProject } from '../change.ts';
import { print, printJson } from '../output.ts';

/** `seatrial render <testnet>`: compose/<testnet>/ for people who want only docker compose. */
export async function render(reference: string, options: { json?: boolean }): Promise<void> {
  const project = await openNamedProject(reference);
  if (project.loaded.spec.lab !== 'docker') {
    throw new UsageError(
      `${project.name} is a testnet of processes; compose files are made of testnets with lab: docker`,
    );
  }
  const topology = await project.topology(project.desired);
  const folder = join(project.root, 'compose', project.name);
  const files = Object.entries(renderCompose(topology));
  for (const [path, content] of files) await writeFileAtomic(join(folder, path), content);
  const paths = files.map(([path]) => relative(process.cwd(), join(folder, path)));
  if (options.json) printJson({ files: paths });
  else for (const path of paths) print(path);
}
