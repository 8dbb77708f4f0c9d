import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Dependency {
  name: string;
  version: string;
}

/** A provider that a program's dependencies ask for. */
export interface PulumiPackage extends Dependency {
  /** Where the provider is downloaded from, when not from the usual place. */
  server?: string;
}

interface Manifest {
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: { resource?: boolean; name?: string; version?: string; server?: string };
}

/** The installed packages that the program's package.json names. */
export function programDependencies(programDirectory: string): Dependency[] {
  return installed(programDirectory).map(({ name, manifest }) => ({ name, version: manifest.version ?? '' }));
}

/** The providers of those among them that are Pulumi SDKs. */
export function pulumiPackages(programDirectory: string): PulumiPackage[] {
  return installed(programDirectory).flatMap(({ name, manifest }) => {
    const { pulumi } = manifest;
    if (pulumi?.resource !== true) return [];
    const version = pulumi.version ?? manifest.version ?? '';
    const provider = { name: pulumi.name ?? name.replace(/^@[^/]*\//, ''), version: version.replace(/^v/, '') };
    return [pulumi.server === undefined ? provider : { ...provider, server: pulumi.server }];
  });
}

function installed(programDirectory: string): { name: string; manifest: Manifest }[] {
  const own = nearest(programDirectory, 'package.json');
  const names = Object.keys({ ...own?.devDependencies, ...own?.dependencies });
  return names.flatMap((name) => {
    const manifest = nearest(programDirectory, join('node_modules', name, 'package.json'));
    return manifest ? [{ name, manifest }] : [];
  });
}

/** A manifest in this folder or in the nearest one above that has it. */
function nearest(folder: string, file: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, file), 'utf8')) as Manifest;
  } catch {
    const parent = dirname(folder);
    return parent === folder ? undefined : nearest(parent, file);
  }
}
