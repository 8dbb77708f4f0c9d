import { expect, test } from 'vitest';
import { readHarm } from '../../../../src/engine/canary/read-harm.ts';
import type { RunContext } from '../../../../src/engine/run-context.ts';
import { createProbeClient } from '../../../../src/gates/probe-client.ts';

const measure = { name: 'errors', bad: { metric: 'bad_total' }, total: { metric: 'all_total' } };

/** The harm of nodes whose metrics are these. */
function harmOf(pages: Record<string, string | Error>): ReturnType<typeof readHarm> {
  const clients = new Map(
    Object.entries(pages).map(([node, page]) => {
      const transport = async () => {
        if (page instanceof Error) throw page;
        return { status: 200, text: page };
      };
      return [node, createProbeClient({ baseUrl: () => 'http://node', transport, timeoutMs: 1_000 })] as const;
    }),
  );
  const profile = { metrics: { port: 'http', path: '/metrics' } };
  const context = { inputs: { profile }, session: { clients } } as unknown as RunContext;
  return readHarm(context, [measure], Object.keys(pages));
}

test('a node that cannot be asked, and one whose metrics are malformed, are absent beside those that can be read', async () => {
  const sound = 'bad_total 2\nall_total 40\n';
  expect(
    await harmOf({
      a: sound,
      b: new Error('ECONNREFUSED'),
      c: 'bad_total 2\nall_total forty\n',
      d: 'bad_total{code="200} 1\nall_total 40\n',
      e: sound,
    }),
  ).toEqual({ errors: { a: { bad: 2, total: 40 }, e: { bad: 2, total: 40 } } });
});
