import { LineCounter, isMap, isScalar, isSeq, parseDocument, type Document, type Node, type YAMLMap } from 'yaml';
import { messageOf, type SpecProblem } from '../../core/errors.ts';
import type { UserFile } from './build-monitoring.ts';
import { fleetDashboardUid } from './services.ts';

/** A parsed file together with what is needed to say where a part of it stands. */
interface Parsed {
  document: Document;
  problems: SpecProblem[];
  problem: (message: string, node?: unknown) => SpecProblem;
}

function parse({ name, content }: UserFile): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): NonNullable<SpecProblem['position']> => {
    const { line, col } = lines.linePos(offset);
    return { file: name, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  return {
    document,
    problems: document.errors.map(({ message, pos }) => ({ message, position: at(pos[0]) })),
    problem: (message, node) => ({ message, position: at((node as Node | undefined)?.range?.[0] ?? 0) }),
  };
}

/** What can be said of a Prometheus rule file without Prometheus: its shape, not its expressions. */
export function problemsInRuleFile(file: UserFile): SpecProblem[] {
  const { document, problems, problem } = parse(file);
  if (problems.length > 0) return problems;
  const groups = isMap(document.contents) ? document.contents.get('groups', true) : undefined;
  if (!isSeq(groups)) return [problem('a rule file needs a list `groups`', document.contents)];
  return groups.items.flatMap((group) => {
    if (!isMap(group) || typeof group.get('name') !== 'string') return [problem('a rule group needs a `name`', group)];
    const rules = group.get('rules', true);
    if (!isSeq(rules)) return [problem('a rule group needs a list `rules`', group)];
    return rules.items.flatMap((rule) => {
      if (!isMap(rule)) return [problem('a rule must be a mapping', rule)];
      const hasOneName = rule.has('alert') !== rule.has('record');
      if (!hasOneName) return [problem('a rule needs either `alert` or `record`', rule)];
      return hasText(rule, 'expr') ? [] : [problem('a rule needs an `expr`', rule)];
    });
  });
}

/** What can be said of an alertmanager.yml without the Alertmanager. */
export function problemsInAlertmanagerFile(file: UserFile): SpecProblem[] {
  const { document, problems, problem } = parse(file);
  if (problems.length > 0) return problems;
  const { contents } = document;
  const route = isMap(contents) ? contents.get('route', true) : undefined;
  const receivers = isMap(contents) ? contents.get('receivers', true) : undefined;
  if (!isMap(route)) return [problem('an Alertmanager file needs a `route`', contents)];
  if (!isSeq(receivers)) return [problem('an Alertmanager file needs a list `receivers`', contents)];
  const names = receivers.items.flatMap((item) => (isMap(item) ? [item.get('name')] : []));
  const receiver = route.get('receiver', true);
  if (!isScalar(receiver)) return [problem('the route needs a `receiver`', route)];
  if (!names.includes(receiver.value)) return [problem(`there is no receiver ${String(receiver.value)}`, receiver)];
  return [];
}

/** Dashboards must be JSON objects with a title, and no two may have one uid. */
export function problemsInDashboards(files: readonly UserFile[]): SpecProblem[] {
  const byUid = new Map([[fleetDashboardUid, 'the fleet dashboard']]);
  return files.flatMap(({ name, content }) => {
    const position = { file: name, line: 1, column: 1 };
    let value: unknown;
    try {
      value = JSON.parse(content);
    } catch (error) {
      return [{ message: `not valid JSON: ${messageOf(error)}`, position: jsonPosition(name, content, error) }];
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return [{ message: 'a dashboard must be a JSON object', position }];
    }
    const { uid, title } = value as Record<string, unknown>;
    if (typeof title !== 'string' || title === '') return [{ message: 'a dashboard needs a `title`', position }];
    if (typeof uid !== 'string' || uid === '') return [{ message: 'a dashboard needs a `uid`', position }];
    const other = byUid.get(uid);
    if (other !== undefined) return [{ message: `the uid ${uid} is that of ${other}: change one`, position }];
    byUid.set(uid, name);
    return [];
  });
}

/** Where JSON.parse stopped, as far as its message tells; else the file's start. */
function jsonPosition(file: string, content: string, error: unknown): NonNullable<SpecProblem['position']> {
  const [, offset] = /at position (\d+)/.exec(messageOf(error)) ?? [];
  const before = offset === undefined ? '' : content.slice(0, Number(offset));
  return { file, line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

function hasText(map: YAMLMap, key: string): boolean {
  const value = map.get(key);
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}
