/** The steady fields of log lines of one kind. */
export interface LineContract {
  lines: number;
  /** JSON types by field; `a.b` is a field of a field. Only fields that nearly every line of the kind has. */
  fields: Record<string, string[]>;
  /** Fields that only some lines have. */
  sometimes: string[];
}

export interface LogContract {
  /** Whether lines are JSON objects. */
  isJson: boolean;
  lines: number;
  /** By kind of line, which is its message; `*` is all of them, where there are enough kinds to tell what all have in common. */
  kinds: Record<string, LineContract>;
}

export const everyLine = '*';
/** A log with a stack trace or a banner in it is still one in JSON. */
const jsonShare = 0.8;
/** A field that fewer lines of a kind have is there by chance, not by promise. */
const steadyShare = 0.95;
const minLines = 3;
const minKinds = 3;
const deepest = 3;

/** What a log promises to whoever reads it by program. Undefined where there are too few lines to say. */
export function logContract(lines: readonly string[]): LogContract | undefined {
  if (lines.length < minLines) return undefined;
  const objects = lines.map(objectOf).filter((object) => object !== undefined);
  if (objects.length < lines.length * jsonShare) return { isJson: false, lines: lines.length, kinds: {} };
  const byKind = Map.groupBy(objects, kindOf);
  const kinds: Record<string, LineContract> = {};
  if (byKind.size >= minKinds) kinds[everyLine] = lineContract(objects);
  for (const [kind, own] of byKind) {
    if (kind !== undefined && own.length >= minLines) kinds[kind] = lineContract(own);
  }
  return { isJson: true, lines: objects.length, kinds };
}

function lineContract(objects: readonly object[]): LineContract {
  const seen = new Map<string, { lines: number; types: Set<string> }>();
  for (const object of objects) {
    for (const [field, type] of fieldsOf(object)) {
      const known = seen.get(field) ?? { lines: 0, types: new Set() };
      known.lines++;
      // null says that there is no value, nothing of its type.
      if (type !== 'null') known.types.add(type);
      seen.set(field, known);
    }
  }
  const steady = [...seen].filter(([, { lines }]) => lines >= objects.length * steadyShare);
  return {
    lines: objects.length,
    fields: Object.fromEntries(steady.map(([field, { types }]) => [field, [...types].sort()])),
    sometimes: [...seen.keys()].filter((field) => !steady.some(([one]) => one === field)),
  };
}

function fieldsOf(object: object, prefix = '', depth = 1): [string, string][] {
  return Object.entries(object).flatMap(([name, value]: [string, unknown]): [string, string][] => {
    const field = prefix + name;
    const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    const inner = type === 'object' && depth < deepest ? fieldsOf(value as object, `${field}.`, depth + 1) : [];
    return [[field, type], ...inner];
  });
}

/** The message without its numbers: `committed block 17` and `committed block 18` are one kind. */
function kindOf(object: Record<string, unknown>): string | undefined {
  const message = object['msg'] ?? object['message'] ?? object['event'];
  return typeof message === 'string' ? message.replaceAll(/\d+/g, '#').slice(0, 120) : undefined;
}

function objectOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as unknown;
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
