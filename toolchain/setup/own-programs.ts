import { createHash } from 'node:crypto';
import { glob, mkdir, readFile, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic } from '../../src/core/files.ts';
import type { Layout } from './layout.ts';

const toolchain = join(import.meta.dirname, '..');
const bundled = ['@grpc/grpc-js', '@pulumi/pulumi', 'dockerode', 'execa', 'google-protobuf', 'tar-stream'];

export type OwnProgram = 'language-host' | 'docker-provider';

/** Changes whenever the own programs, what is bundled with them, or the Node that runs them changes. */
export async function ownProgramsFingerprint(): Promise<string> {
  const hash = createHash('sha256').update(process.execPath);
  const folders = ['plugin', 'language-host', 'docker-provider'].map((name) => join(toolchain, name));
  const files: string[] = [];
  for (const folder of [...folders, join(toolchain, '..', 'src', 'core')]) {
    for await (const file of glob('**/*.ts', { cwd: folder })) files.push(join(folder, file));
  }
  const require = createRequire(import.meta.url);
  const manifests = bundled.map((name) => findManifest(require.resolve(name)));
  for (const file of files.sort()) hash.update(relative(toolchain, file)).update(await readFile(file));
  for (const manifest of await Promise.all(manifests)) hash.update(manifest);
  return hash.digest('hex');
}

/** Name and version of the package that a file belongs to. */
async function findManifest(file: string): Promise<string> {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    const manifest = text === undefined ? {} : (JSON.parse(text) as { name?: string; version?: string });
    if (manifest.version !== undefined) return `${manifest.name}@${manifest.version}`;
  }
  return file;
}

/**
 * Bundles an own program into one file, which starts several times faster than its modules one by one, and writes a wrapper
 * that runs it with the Node that runs this: the system's may be too old.
 */
export async function installOwnProgram(program: OwnProgram, wrapper: string, layout: Layout): Promise<void> {
  const { build } = await import('esbuild');
  const bundle = join(layout.lib, `${program}.mjs`);
  const temporary = `${bundle}.${process.pid}`;
  await mkdir(layout.lib, { recursive: true });
  await build({
    entryPoints: [join(toolchain, program, 'main.ts')],
    outfile: temporary,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'silent',
    // Optional native parts of packages that are bundled; they are never reached from a unix socket.
    external: ['cpu-features', '*.node'],
    banner: { js: commonJsGlobals },
  });
  await rename(temporary, bundle);
  await writeFileAtomic(wrapper, wrapperScript(bundle, join(layout.folder, 'compile-cache')), { mode: 0o755 });
}

/** What CommonJS packages expect to find and an ES module does not have. */
const commonJsGlobals = [
  "import { createRequire as bundleRequire } from 'node:module';",
  'const require = bundleRequire(import.meta.url);',
  'const __filename = import.meta.filename, __dirname = import.meta.dirname;',
].join('\n');

function wrapperScript(bundle: string, compileCache: string): string {
  return [
    '#!/bin/sh',
    '# Written by `seatrial setup`.',
    `: "\${NODE_COMPILE_CACHE:=${compileCache.replace(/["$`\\]/g, '\\$&')}}"`,
    'export NODE_COMPILE_CACHE',
    `exec ${quoted(process.execPath)} ${quoted(bundle)} "$@"`,
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
