import type { ReportModel } from './model.ts';

/** The model as JSON text with a line end. */
export function renderJson(model: ReportModel): string {
  return `${JSON.stringify(model, null, 2)}\n`;
}
