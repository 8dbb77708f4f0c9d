import { NotMakeable, type HttpAnswer } from './bad-world.ts';

/** The JSON answer with another number at this pointer (RFC 6901); text stays text. Throws NotMakeable where nothing is there. */
export function withJsonValue(answer: HttpAnswer, pointer: string, value: number): HttpAnswer {
  const root = { '': JSON.parse(answer.text) as unknown };
  const steps = ['', ...pointer.split('/').slice(1)].map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop() ?? '';
  let holder: unknown = root;
  for (const step of steps) holder = memberOf(holder, step);
  const present = memberOf(holder, last);
  if (present === undefined || holder === null || typeof holder !== 'object') {
    throw new NotMakeable(`the answer holds nothing at ${pointer}`);
  }
  Object.assign(holder, { [last]: typeof present === 'string' ? String(value) : value });
  return { ...answer, text: JSON.stringify(root['']) };
}

function memberOf(holder: unknown, name: string): unknown {
  return holder !== null && typeof holder === 'object' ? (holder as Record<string, unknown>)[name] : undefined;
}
