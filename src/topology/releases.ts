import { copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { sha256File } from '../core/canonical.ts';
import { LabError, messageOf, SpecError, UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { LoadedSpec } from '../spec/load.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { ReleaseSpec } from '../spec/testnet.ts';
import type { ResolvedRelease } from './topology.ts';

const buildTimeoutMs = 10 * 60_000;

/** Turns references into image ids; container labs give it, the process lab has none. */
export interface ImageResolver {
  /** Id of an image by reference. */
  image(reference: string, signal?: AbortSignal): Promise<string>;
  /** Id of the image that runs a program with the system's runtime. */
  program(program: { path: string; digest: string }, signal?: AbortSignal): Promise<string>;
  /** Id of the image built from a context with a Dockerfile. */
  context(
    build: { context: string; dockerfile: string; args: Record<string, string> },
    signal?: AbortSignal,
  ): Promise<string>;
}

interface ResolveOptions {
  loaded: LoadedSpec;
  profile: SystemProfile;
  /** Folder of the programs, each named by its content. */
  store: string;
  images?: ImageResolver | undefined;
  signal?: AbortSignal | undefined;
}

/** Resolves the named releases to artefacts with digests: builds what is to be built, and copies programs into the store. */
export async function resolveReleases(
  versions: Iterable<string>,
  options: ResolveOptions,
): Promise<Record<string, ResolvedRelease>> {
  const resolved: Record<string, ResolvedRelease> = {};
  for (const version of new Set(versions)) {
    const { releases } = options.loaded.spec;
    const release = Object.hasOwn(releases, version) ? releases[version] : undefined;
    if (!release)
      throw new SpecError([{ message: `unknown release ${version}${didYouMean(version, Object.keys(releases))}` }]);
    resolved[version] = await resolveRelease(version, release, options);
  }
  return resolved;
}

async function resolveRelease(
  version: string,
  release: ReleaseSpec,
  options: ResolveOptions,
): Promise<ResolvedRelease> {
  const { loaded, images } = options;
  const folder = dirname(loaded.file);
  if ('program' in release) {
    return asProgram(version, resolve(folder, release.program), ['program'], release.digest, options);
  }
  if ('image' in release || release.build.dockerfile !== undefined) {
    if (!images)
      throw new SpecError([{ message: `release ${version} is an image, which the ${loaded.spec.lab} lab cannot run` }]);
    const imageId = await releaseImage(version, release, images, options);
    checkDigest(version, imageId, release.digest, options);
    return { version, kind: 'image', digest: imageId, imageId };
  }
  const program = await buildProgram(version, release.build, options);
  try {
    return await asProgram(version, program.path, ['build', 'context'], release.digest, options);
  } finally {
    await rm(program.folder, { recursive: true, force: true });
  }
}

/** The image of a release; a failure says which release it was and where it stands in the file. */
async function releaseImage(
  version: string,
  release: Exclude<ReleaseSpec, { program: string }>,
  images: ImageResolver,
  { loaded, signal }: ResolveOptions,
): Promise<string> {
  try {
    if ('image' in release) return await images.image(release.image, signal);
    const { context, dockerfile = 'Dockerfile', args } = release.build;
    const folder = resolve(dirname(loaded.file), context);
    return await images.context({ context: folder, dockerfile, args: stringArgs(args) }, signal);
  } catch (error) {
    const position = loaded.document.position([
      'releases',
      version,
      ...('image' in release ? ['image'] : ['build', 'context']),
    ]);
    const message = `release ${version}: ${messageOf(error)}`;
    if (error instanceof UsageError) throw new SpecError([{ message, position }], { cause: error });
    if (!(error instanceof LabError)) throw error;
    const { file, line, column } = position;
    throw new LabError(`${file}:${line}:${column}: ${message}`, { cause: error, details: error.details });
  }
}

async function buildProgram(
  version: string,
  build: { context: string; args?: Record<string, string | number> | undefined },
  { loaded, profile, store, signal }: ResolveOptions,
): Promise<{ path: string; folder: string }> {
  const context = resolve(dirname(loaded.file), build.context);
  const position = loaded.document.position(['releases', version, 'build', 'context']);
  if (!(await isFolder(context))) throw new SpecError([{ message: `there is no folder ${build.context}`, position }]);
  await mkdir(store, { recursive: true });
  const folder = await mkdtemp(join(store, 'build-'));
  const output = join(folder, 'program.mjs');
  const [command, ...args] = profile.build?.({ args: stringArgs(build.args), output }) ?? [];
  if (command === undefined)
    throw new SpecError([{ message: `the system ${profile.name} does not say how a program is built`, position }]);
  const program = command === 'node' ? process.execPath : command;
  const { execa } = await import('execa');
  const result = await execa(program, args, {
    cwd: context,
    reject: false,
    timeout: buildTimeoutMs,
    ...(signal && { cancelSignal: signal }),
  });
  if (result.failed) {
    await rm(folder, { recursive: true, force: true });
    throw new LabError(`release ${version} could not be built: ${result.shortMessage}\n${result.stderr.slice(-2000)}`, {
      cause: result,
    });
  }
  return { path: output, folder };
}

async function asProgram(
  version: string,
  file: string,
  path: string[],
  pinned: string | undefined,
  options: ResolveOptions,
): Promise<ResolvedRelease> {
  const { loaded, store, images, signal } = options;
  const position = loaded.document.position(['releases', version, ...path]);
  const hex = await sha256File(file).catch((cause: unknown) => {
    throw new SpecError(
      [{ message: `release ${version}: the program cannot be read: ${messageOf(cause)}`, position }],
      { cause },
    );
  });
  const digest = `sha256:${hex}`;
  checkDigest(version, digest, pinned, options);
  const programPath = join(store, `${hex}.mjs`);
  await mkdir(store, { recursive: true });
  if ((await sha256File(programPath).catch(() => undefined)) !== hex) {
    const temporary = `${programPath}.${process.pid}`;
    await copyFile(file, temporary);
    await rename(temporary, programPath);
  }
  const imageId = await images?.program({ path: programPath, digest }, signal);
  return { version, kind: 'program', digest, programPath, ...(imageId !== undefined && { imageId }) };
}

function checkDigest(version: string, digest: string, pinned: string | undefined, { loaded }: ResolveOptions): void {
  if (pinned === undefined || pinned === digest) return;
  throw new SpecError([
    {
      message: `release ${version} has the digest ${digest}, but the file pins ${pinned}`,
      position: loaded.document.position(['releases', version, 'digest']),
    },
  ]);
}

function stringArgs(args: Record<string, string | number> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(args ?? {}).map(([key, value]) => [key, String(value)]));
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
