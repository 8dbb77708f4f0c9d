import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { faultKinds } from './fault-kinds.ts';
import type { FaultKind } from './fault-kinds.ts';

export interface ReleaseOptions {
  /** Compiled in; plain data. */
  readonly version: string;
  /** File to write, usually *.mjs; missing folders are made. */
  readonly output: string;
  /** Default: a clean release. */
  readonly fault?: FaultKind;
  /** For wrong-app-hash: how many blocks after its own start the node goes wrong; default 5. */
  readonly faultHeight?: number;
  /** For lies-about-version: the version it reports. */
  readonly claim?: string;
  /** Format of the data folder that it writes; it reads this one and all before. Default 1. */
  readonly dataFormat?: number;
}

export interface BuiltRelease {
  readonly path: string;
  /** Hex digest of the file. */
  readonly sha256: string;
}

/** Bundles the node into one self-contained file. Equal options give equal bytes, wherever the repository lies. */
export async function buildRelease(options: ReleaseOptions): Promise<BuiltRelease> {
  const { version, output, fault, faultHeight, claim, dataFormat = 1 } = options;
  if (fault === 'lies-about-version' && claim === undefined)
    throw new Error('lies-about-version needs a claimed version');
  const result = await build({
    absWorkingDir: resolve(import.meta.dirname, '..'),
    entryPoints: ['node/main.ts'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    minifySyntax: true,
    treeShaking: true,
    legalComments: 'inline',
    logLevel: 'silent',
    // prom-client is CommonJS and requires builtins when it runs.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    define: {
      RELEASE_VERSION: JSON.stringify(version),
      RELEASE_FAULT: fault === undefined ? 'undefined' : JSON.stringify(fault),
      RELEASE_FAULT_HEIGHT: String(faultHeight),
      RELEASE_DATA_FORMAT: String(dataFormat),
      RELEASE_CLAIM: claim === undefined ? 'undefined' : JSON.stringify(claim),
    },
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error('the bundler gave no output');
  const path = resolve(output);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, file.contents, { mode: 0o755 });
  return { path, sha256: createHash('sha256').update(file.contents).digest('hex') };
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = {
    version: text,
    output: text,
    fault: text,
    'fault-height': text,
    claim: text,
    'data-format': text,
  } as const;
  const { values } = parseArgs({ options });
  const { version, output, claim } = values;
  if (version === undefined || output === undefined) throw new Error('--version and --output are required');
  const fault = faultKinds.find((kind) => kind === values.fault);
  if (values.fault !== undefined && fault === undefined) {
    throw new Error(`--fault ${values.fault}: expected one of ${faultKinds.join(', ')}`);
  }
  const faultHeight = wholeNumber('fault-height', values['fault-height']);
  const dataFormat = wholeNumber('data-format', values['data-format']);
  const built = await buildRelease({
    ...{ version, output },
    ...(fault !== undefined && { fault }),
    ...(faultHeight !== undefined && { faultHeight }),
    ...(claim !== undefined && { claim }),
    ...(dataFormat !== undefined && { dataFormat }),
  });
  process.stdout.write(`${built.sha256}  ${built.path}\n`);
}

function wholeNumber(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error(`--${name} ${value}: expected a number above 0`);
  return Number(value);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
