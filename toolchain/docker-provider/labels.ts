import type { Properties } from '../plugin/properties.ts';

/** A label as a program writes it. */
export interface LabelInput {
  label: string;
  value: string;
}

/** Labels as Docker takes them. */
export function fromLabels(labels: readonly LabelInput[] | undefined): Record<string, string> {
  return Object.fromEntries((labels ?? []).map(({ label, value }) => [label, value]));
}

/** Labels as a program writes them, by name. */
export function toLabels(labels: Record<string, string> | null | undefined): Properties[] {
  return Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => ({ label, value }));
}
