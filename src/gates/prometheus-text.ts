import { metricValue, type MetricFamilies, type MetricSample } from './readings.ts';

/**
 * Parses Prometheus' text format. With `wanted`, only samples of these names are kept and only their lines are checked, so
 * that a long page costs little. Throws on a malformed line, naming it. Timestamps are accepted and ignored.
 */
export function parsePrometheusText(text: string, wanted?: ReadonlySet<string>): MetricFamilies {
  const exposed = new Set<string>();
  const samples: MetricSample[] = [];
  let start = 0;
  for (let number = 1; start < text.length; number++) {
    let end = text.indexOf('\n', start);
    if (end === -1) end = text.length;
    try {
      readLine(text, start, end);
    } catch (cause) {
      const line = text.slice(start, Math.min(end, start + 120));
      throw new Error(`line ${number} of the metrics is malformed: ${line}`, { cause });
    }
    start = end + 1;
  }
  return { exposed: [...exposed], samples };

  function readLine(source: string, from: number, to: number): void {
    if (source.startsWith('#', from)) {
      readComment(source.slice(from, to));
      return;
    }
    let nameEnd = from;
    while (nameEnd < to && !isNameEnd(source.charCodeAt(nameEnd))) nameEnd++;
    const name = source.slice(from, nameEnd);
    if (name.length === 0) {
      if (source.slice(from, to).trim().length > 0) throw new Error('a line must begin with a metric name');
      return;
    }
    if (wanted && !wanted.has(name)) return;
    const line = source.slice(nameEnd, to).trim();
    const { labels, rest } = line.startsWith('{') ? readLabels(line) : { labels: {}, rest: line };
    const [value] = rest.trim().split(/\s+/, 1);
    exposed.add(name);
    samples.push({ name, labels, value: metricValue(parseValue(value ?? '')) });
  }

  /** A family that is declared is exposed, even when nothing was counted in it yet. */
  function readComment(line: string): void {
    const [, keyword, family, type] = line.split(/\s+/, 4);
    if (keyword !== 'TYPE' || family === undefined) return;
    const names = [family];
    if (type === 'histogram') names.push(`${family}_bucket`);
    if (type === 'histogram' || type === 'summary') names.push(`${family}_sum`, `${family}_count`);
    for (const name of names) if (!wanted || wanted.has(name)) exposed.add(name);
  }
}

function isNameEnd(code: number): boolean {
  return code === 0x7b /* { */ || code === 0x20 || code === 0x09 || code === 0x0d;
}

function readLabels(line: string): { labels: Record<string, string>; rest: string } {
  const labels: Record<string, string> = {};
  let at = 1;
  for (;;) {
    at = skip(line, at, /[\s,]/);
    if (line[at] === '}') return { labels, rest: line.slice(at + 1) };
    const equals = line.indexOf('=', at);
    if (equals === -1) throw new Error('a label has no value');
    const name = line.slice(at, equals).trim();
    at = skip(line, equals + 1, /\s/);
    if (line[at] !== '"') throw new Error(`the value of label ${name} is not quoted`);
    let value = '';
    for (at++; line[at] !== '"'; at++) {
      const character = line[at];
      if (character === undefined) throw new Error(`the value of label ${name} does not end`);
      if (character !== '\\') {
        value += character;
        continue;
      }
      const escaped = line[++at];
      if (escaped !== 'n' && escaped !== '"' && escaped !== '\\') throw new Error(`unknown escape in label ${name}`);
      value += escaped === 'n' ? '\n' : escaped;
    }
    at++;
    labels[name] = value;
  }
}

function skip(line: string, from: number, pattern: RegExp): number {
  let at = from;
  while (at < line.length && pattern.test(line.charAt(at))) at++;
  return at;
}

/** A number as Prometheus writes it, in the text format and in its JSON answers. Throws when it is none. */
export function parseValue(text: string): number {
  switch (text.toLowerCase()) {
    case 'nan':
      return NaN;
    case 'inf':
    case '+inf':
      return Infinity;
    case '-inf':
      return -Infinity;
  }
  const value = Number(text);
  if (text === '' || Number.isNaN(value)) throw new Error(`${JSON.stringify(text)} is not a number`);
  return value;
}
