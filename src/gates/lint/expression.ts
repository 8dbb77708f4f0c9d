/** Words of PromQL that are no metric. Functions are told by their parenthesis. */
const keywords = new Set(
  'and or unless by without on ignoring group_left group_right bool offset start end inf nan atan2'.split(' '),
);

/** `or vector(0)` makes silence look like a good value: an alert on it never learns that its data is gone. */
export function hidesAbsence(expression: string): boolean {
  return /\bor\s+(?:on\s*\([^)]*\)\s*)?\(?\s*vector\s*\(\s*0(?:\.0*)?\s*\)/i.test(withoutText(expression));
}

/** Metrics that an expression reads, in order of appearance. What it asks `absent` of may be missing and is left out. */
export function metricsOf(expression: string): string[] {
  const bare = withoutText(expression)
    .replaceAll(/\b(?:absent|absent_over_time)\s*\((?:[^()]|\([^()]*\))*\)/g, ' ')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/gi, ' ')
    .replaceAll(/\b\d[\w.]*/g, ' ');
  const found = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])/g)].map(([word]) => word);
  return [...new Set(found)].filter((word) => !keywords.has(word.toLowerCase()));
}

/** Why a comparison of `up` with a number can never hold; `up` is 0 or 1. Undefined when it can, or nobody can say. */
export function impossibleUp(expression: string): string | undefined {
  const bare = withoutText(expression).replaceAll(/\{[^}]*\}/g, '');
  const [, operator, number] = /^\s*\(?\s*up\s*(==|>=|<=|>|<)\s*(-?[\d.]+)\s*\)?\s*$/.exec(bare) ?? [];
  if (operator === undefined) return undefined;
  const limit = Number(number);
  const holds = (value: number): boolean => {
    if (operator === '==') return value === limit;
    if (operator === '>=') return value >= limit;
    if (operator === '<=') return value <= limit;
    return operator === '>' ? value > limit : value < limit;
  };
  return holds(0) || holds(1) ? undefined : `up is 0 or 1 and never ${operator} ${number ?? ''}`;
}

/** Strings may hold anything, braces too; comments as well. */
function withoutText(expression: string): string {
  return expression.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, '""').replaceAll(/#.*$/gm, '');
}
