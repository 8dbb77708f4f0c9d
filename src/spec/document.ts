import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLParseError,
} from 'yaml';
import { messageOf, SpecError, type SourcePosition, type SpecProblem } from '../core/errors.ts';

/** A YAML document that can tell where each of its values stands. */
export interface PositionedDocument {
  file: string;
  value: unknown;
  /** Position of the value at this path, or of the nearest parent that exists. `key`: of the key instead of the value. */
  position(path: readonly PropertyKey[], at?: 'key' | 'value'): SourcePosition;
}

/** Parses YAML. Throws a SpecError that carries every syntax error with its position. */
export function parsePositioned(file: string, text: string): PositionedDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', merge: false });
  const locate = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  if (document.errors.length > 0) {
    throw new SpecError(
      document.errors.map((error): SpecProblem => ({
        message: `not valid YAML: ${explain(error)}`,
        position: locate(error.pos[0]),
      })),
    );
  }
  return {
    file,
    value: resolveAliases(document, locate),
    position: (path, at = 'value') => locate(offsetOf(document, path, at)),
  };
}

function explain({ code, message }: Pick<YAMLParseError, 'code' | 'message'>): string {
  return code === 'MULTIPLE_DOCS' ? 'a testnet file holds one document' : message;
}

/** The plain value. An alias without its anchor, or aliases that grow beyond reason, only show here. */
function resolveAliases(document: Document.Parsed, locate: (offset: number) => SourcePosition): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    let found: number | undefined;
    visit(document, {
      Alias: (_key, alias) => {
        const isBroken = alias.resolve(document) === undefined;
        if (found === undefined || isBroken) found = startOf(alias);
        return isBroken ? visit.BREAK : undefined;
      },
    });
    throw new SpecError([{ message: `not valid YAML: ${messageOf(cause)}`, position: locate(found ?? 0) }], { cause });
  }
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], at: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const child: Pair | Node | undefined = childOf(node, step);
    if (child === undefined) return offset;
    const isLast = index === path.length - 1;
    const key = isPair(child) ? child.key : undefined;
    node = isPair(child) ? child.value : child;
    const keyOffset = startOf(key);
    offset = (isLast && at === 'key' ? keyOffset : undefined) ?? startOf(node) ?? keyOffset ?? offset;
  }
  return offset;
}

function childOf(node: unknown, step: PropertyKey): Pair | Node | undefined {
  if (isMap(node)) return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step));
  if (isSeq(node)) return node.items[Number(step)] as Node | undefined;
  return undefined;
}

function startOf(node: unknown): number | undefined {
  const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range;
  return range?.[0];
}
