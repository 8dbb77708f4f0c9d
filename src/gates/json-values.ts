import type { GateCheck, JsonCondition, ProbeClient } from '../spec/profile.ts';
import { parseValue } from './prometheus-text.ts';
import { metricValue, type Answer, type MetricValue } from './readings.ts';
import type { SlotDeadline } from './slot-deadline.ts';

/** Names a number in a reading, and for people. */
export function jsonKey({ port, path, pointer }: JsonCondition): string {
  return `${port} ${path}#${pointer}`;
}

/** Asks a node for every document that the JSON checks need, each once, and keeps of it the numbers alone. */
export function jsonReader(
  checks: readonly GateCheck[],
): ((client: ProbeClient, deadline: SlotDeadline) => Promise<Record<string, Answer<MetricValue | null>>>) | undefined {
  const conditions = checks.flatMap((check) => (check.source === 'json' ? [check.condition] : []));
  if (conditions.length === 0) return undefined;
  const documents = [...Map.groupBy(conditions, ({ port, path }) => `${port} ${path}`).values()];
  return async (client, deadline) => {
    const values: Record<string, Answer<MetricValue | null>> = {};
    await Promise.all(
      documents.map(async (wanted) => {
        const [{ port, path } = { port: '', path: '' }] = wanted;
        const answer = await deadline.answer(() => client.getJson(port, path));
        for (const condition of wanted) {
          values[jsonKey(condition)] = answer.ok
            ? { ok: true, value: numberAt(answer.value, condition.pointer) }
            : answer;
        }
      }),
    );
    return values;
  };
}

/** The number at a JSON pointer; null when nothing is there, NaN when what is there is no number. */
export function numberAt(document: unknown, pointer: string): MetricValue | null {
  let value: unknown = document;
  for (const part of pointer === '' ? [] : pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return null;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return metricValue(value);
  try {
    return typeof value === 'string' ? metricValue(parseValue(value.trim())) : 'NaN';
  } catch {
    return 'NaN';
  }
}
