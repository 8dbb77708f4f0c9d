import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { z } from 'zod';
import { sha256 } from '../core/canonical.ts';
import { SpecError, type SpecProblem } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';
import { didYouMean } from '../core/nearest.ts';
import { parsePositioned, type PositionedDocument } from './document.ts';
import { testnetJsonSchema, testnetSchema, type TestnetSpec } from './testnet.ts';

export interface LoadedSpec {
  /** Name of the testnet: the file's name without `.yaml`. */
  name: string;
  file: string;
  spec: TestnetSpec;
  /** SHA-256 of the file's text. */
  hash: string;
  document: PositionedDocument;
}

/** Reads and checks a testnet file. Throws a SpecError with every problem found, each with file:line:column. */
export async function loadTestnetFile(file: string): Promise<LoadedSpec> {
  const name = basename(file).replace(/\.ya?ml$/, '');
  if (!/^[a-z][a-z0-9-]{0,38}$/.test(name)) {
    throw new SpecError([
      {
        message: `${file}: a testnet file is named like its testnet: lower-case letters, digits and dashes, as in stacks/local.yaml`,
      },
    ]);
  }
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const why = isErrno(cause, 'ENOENT') ? `there is no such file${await hintFor(file)}` : 'the file cannot be read';
    throw new SpecError([{ message: `${file}: ${why}` }], { cause });
  }
  const document = parsePositioned(file, text);
  return { name, file, spec: parseSpec(document), hash: sha256(text), document };
}

/** The testnet file beside a missing one that is most like it. */
async function hintFor(file: string): Promise<string> {
  const beside = await readdir(dirname(file)).catch(() => []);
  return didYouMean(
    basename(file),
    beside.filter((name) => /^[a-z][a-z0-9-]*\.ya?ml$/.test(name)),
  );
}

function parseSpec(document: PositionedDocument): TestnetSpec {
  const parsed = testnetSchema.safeParse(document.value);
  if (!parsed.success) throw new SpecError(parsed.error.issues.flatMap((issue) => problemsOf(issue, [], document)));
  return parsed.data;
}

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue, parent: readonly PropertyKey[], document: PositionedDocument): SpecProblem[] {
  const path = [...parent, ...issue.path];
  const at = (message: string, place = path, where: 'key' | 'value' = 'value'): SpecProblem => ({
    message,
    path: place.join('.'),
    position: document.position(place, where),
  });
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => at(unknownKey(key, path, document), [...path, key], 'key'));
    case 'invalid_union':
      return unionProblems(issue, path, document);
    case 'invalid_value': {
      const got = valueAt(document.value, path);
      const valid = issue.values.map(String);
      return [
        at(
          `${pathText(path)} is ${show(got)}${typeof got === 'string' ? didYouMean(got, valid) : `; valid are: ${valid.join(', ')}`}`,
        ),
      ];
    }
    case 'invalid_key':
      return [at(`${String(path.at(-1))} is not a valid name: ${issue.issues[0]?.message ?? ''}`, path, 'key')];
    case 'invalid_type': {
      const got = valueAt(document.value, path);
      if (got === undefined) return [at(`${pathText(path)} is missing (${expectation(issue)})`)];
      return [at(`${pathText(path)} ${expectation(issue)}, but is ${show(got)}`)];
    }
    case 'too_big':
    case 'too_small': {
      const limit = issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
      return [at(`${pathText(path)} must be ${limit}, but is ${show(valueAt(document.value, path))}`)];
    }
    default:
      return [at(`${pathText(path)}: ${issue.message}`)];
  }
}

/** A key may be unknown only beside those that are there, as `image` is beside `program`. */
function unknownKey(key: string, path: readonly PropertyKey[], document: PositionedDocument): string {
  const valid = keysAt(path);
  if (!valid.includes(key)) return `unknown key ${key}${didYouMean(key, valid)}`;
  const others = Object.keys(valueAt(document.value, path) as object).filter((other) => other !== key);
  return `${key} cannot stand beside ${others.join(', ')}`;
}

/** A union's problem is told by the branch that got furthest: the one whose complaints lie deepest, then the fewest. */
function unionProblems(
  issue: Issue & { code: 'invalid_union' },
  path: PropertyKey[],
  document: PositionedDocument,
): SpecProblem[] {
  const value = valueAt(document.value, path);
  const branches = issue.errors.filter((branch) => branch.length > 0);
  const rootType = (branch: Issue[]) =>
    branch.find((inner) => inner.path.length === 0 && inner.code === 'invalid_type');
  const fitting = branches.filter((branch) => !rootType(branch));
  if (fitting.length === 0) {
    const expected = [...new Set(branches.flatMap((branch) => expectedBy(rootType(branch)) ?? []))];
    return [
      {
        message: `${pathText(path)} must be ${expected.join(' or ')}, but is ${show(value)}`,
        path: path.join('.'),
        position: document.position(path),
      },
    ];
  }
  const weight = (branch: Issue[]): number =>
    branch.reduce(
      (sum, inner) =>
        sum + (inner.code === 'unrecognized_keys' ? inner.keys.length * 2 : inner.path.length > 1 ? 0.5 : 1),
      0,
    );
  const best = fitting.reduce((a, b) => (weight(b) < weight(a) ? b : a));
  return best.flatMap((inner) => problemsOf(inner, path, document));
}

function expectation(issue: Issue & { code: 'invalid_type' }): string {
  return issue.message.startsWith('must be') ? issue.message : `must be ${expectedBy(issue)}`;
}

function expectedBy(issue: Issue | undefined): string | undefined {
  if (issue?.code !== 'invalid_type') return undefined;
  const names: Record<string, string> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    int: 'a whole number',
  };
  return names[issue.expected] ?? `a ${issue.expected}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (current, step) =>
      typeof current === 'object' && current !== null ? (current as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
}

/** Valid keys of the object at a path, over all branches of a union. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let schemas: JsonSchema[] = [testnetJsonSchema()];
  const expand = (schema: JsonSchema): JsonSchema[] => (schema.anyOf ? schema.anyOf.flatMap(expand) : [schema]);
  for (const step of path) {
    schemas = schemas.flatMap(expand).flatMap((schema) => {
      const next = schema.properties?.[String(step)] ?? schema.items ?? schema.additionalProperties;
      return typeof next === 'object' ? [next] : [];
    });
  }
  return [...new Set(schemas.flatMap(expand).flatMap((schema) => Object.keys(schema.properties ?? {})))];
}
