import { join } from 'node:path';
import { LabError } from '../../../core/errors.ts';

let bundle: Promise<Buffer> | undefined;

/** The agent's program as one file that needs nothing but Node.js. Made once a process. */
export function agentBundle(): Promise<Buffer> {
  bundle ??= build();
  return bundle;
}

async function build(): Promise<Buffer> {
  const esbuild = await import('esbuild');
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(import.meta.dirname, 'agent/main.ts')],
    bundle: true,
    write: false,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'silent',
    // What CommonJS packages expect to find and an ES module does not have.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
  });
  const [file] = outputFiles;
  if (!file) throw new LabError('the program of the fault agents could not be bundled');
  return Buffer.from(file.contents);
}
