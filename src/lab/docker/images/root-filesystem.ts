import { existsSync } from 'node:fs';
import { appendFile, chmod, chown, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './build-host.ts';
import type { Recipe } from './recipes.ts';

const BOOTSTRAP_TIMEOUT_MS = 10 * 60_000;

/** Settings of the machine's apt that decide how packages are fetched; the rest is about the machine itself. */
const FETCH_SETTING = /^Acquire::(?!IndexTargets|Changelogs|CompressionTypes|Languages|GzipIndexes|cdrom)/;

export interface RootFilesystemOptions {
  codename: string;
  /** The Node.js binary; needed by recipes with `hasNode`. */
  nodeBinary: string;
  signal?: AbortSignal | undefined;
}

/**
 * Unpacks a recipe's packages from the machine's own apt sources into an archive, and gives its path to `use`; everything is
 * removed afterwards. Needs root.
 */
export async function withRootFilesystem<T>(
  recipe: Recipe,
  options: RootFilesystemOptions,
  use: (archive: string) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const work = await mkdtemp(join(tmpdir(), 'seatrial-image-'));
  try {
    const root = join(work, 'root');
    await bootstrap(recipe, options, work, root);
    await complete(recipe, options.nodeBinary, root);
    const archive = join(work, 'root.tar');
    const normal = ['--sort=name', '--mtime=@0', '--numeric-owner'];
    await runProgram('tar', [...normal, '-C', root, '-cf', archive, '.'], { signal, timeoutMs: BOOTSTRAP_TIMEOUT_MS });
    return await use(archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function bootstrap(
  recipe: Recipe,
  { codename, signal }: RootFilesystemOptions,
  work: string,
  root: string,
): Promise<void> {
  const aptSettings = join(work, 'apt.conf');
  await writeFile(aptSettings, await fetchSettings(signal), { mode: 0o600 });
  const args = [
    '--quiet',
    '--variant=extract',
    '--mode=root',
    '--format=directory',
    `--include=${recipe.packages.join(',')}`,
    `--aptopt=${aptSettings}`,
    ...recipe.exclude.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    ...recipe.keep.map((pattern) => `--dpkgopt=path-include=${pattern}`),
    codename,
    root,
    ...(await aptSources()),
  ];
  await runProgram('mmdebstrap', args, { signal, timeoutMs: BOOTSTRAP_TIMEOUT_MS });
}

/** The machine's source lists, so that packages come from whatever mirror it uses. */
async function aptSources(): Promise<string[]> {
  const folder = '/etc/apt/sources.list.d';
  const listed = existsSync(folder) ? (await readdir(folder)).sort() : [];
  const files = listed.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(folder, name));
  return ['/etc/apt/sources.list', ...files].filter((path) => existsSync(path));
}

async function fetchSettings(signal: AbortSignal | undefined): Promise<string> {
  const dump = await runProgram('apt-config', ['dump'], { signal, timeoutMs: 30_000 });
  const credentials = [
    ['Dir::Etc::netrc', '/etc/apt/auth.conf'],
    ['Dir::Etc::netrcparts', '/etc/apt/auth.conf.d'],
  ].flatMap(([key, path]) => (path !== undefined && existsSync(path) ? [`${key} "${path}";`] : []));
  return [...dump.split('\n').filter((line) => FETCH_SETTING.test(line)), ...credentials, ''].join('\n');
}

/** Adds what the packages' own scripts, which are not run, would have made, and what the recipe asks for. */
async function complete(recipe: Recipe, nodeBinary: string, root: string): Promise<void> {
  // The engine makes /dev of a container itself, and name resolution is its own as well.
  await rm(join(root, 'dev'), { recursive: true, force: true });
  await mkdir(join(root, 'dev'));
  const users = [
    { name: 'root', uid: 0, home: '/root' },
    { name: 'nobody', uid: 65_534, home: '/nonexistent' },
    ...recipe.users,
  ];
  const shell = (uid: number): string => (uid === 65_534 ? '/usr/sbin/nologin' : '/bin/bash');
  const passwd = users.map(({ name, uid, home }) => `${name}:x:${uid}:${uid}:${name}:${home}:${shell(uid)}\n`);
  await writeFile(join(root, 'etc/passwd'), passwd.join(''));
  await writeFile(join(root, 'etc/group'), users.map(({ name, uid }) => `${name}:x:${uid}:\n`).join(''));
  await appendFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  for (const { path, uid } of recipe.folders) {
    await mkdir(join(root, path), { recursive: true });
    await chown(join(root, path), uid, uid);
  }
  for (const { path, target } of recipe.links) await symlink(target, join(root, path));
  if (recipe.hasNode) {
    const target = join(root, 'usr/local/bin/node');
    await mkdir(join(root, 'usr/local/bin'), { recursive: true });
    await copyFile(nodeBinary, target);
    await chmod(target, 0o755);
  }
}
