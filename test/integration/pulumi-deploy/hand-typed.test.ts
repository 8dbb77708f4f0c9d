import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { NotedHooks, PulumiProject, type SampleTestnet } from '../../helpers/pulumi/pulumi-project.ts';

let project: PulumiProject;
let testnet: SampleTestnet;
beforeAll(async () => {
  project = await PulumiProject.create();
  await project.useTestEntry();
});
afterAll(() => project.remove());
beforeEach(async () => {
  testnet = project.testnet();
  const { exitCode, output } = await project.pulumi('stack', 'select', '--create', testnet.name);
  expect(output).not.toContain('error');
  expect(exitCode).toBe(0);
});

const order = ['node-1', 'node-0'];
const nodes = ['node-0', 'node-1'];

async function up(versions: string[], more: { failing?: string[]; proven?: string[] } = {}) {
  const input = { topology: testnet.topology(versions), order, failing: [], proven: nodes, ...more };
  await writeFile(join(project.root, 'input.json'), JSON.stringify(input));
  await rm(join(project.root, 'calls.log'), { force: true });
  const result = await project.pulumi('up', '--yes');
  const calls = await readFile(join(project.root, 'calls.log'), 'utf8').catch(() => '');
  return { ...result, calls: calls.split('\n').filter((line) => line !== '') };
}

test('pulumi up typed by hand rolls behind the same hooks, stops at a failed gate and repairs that node first', async () => {
  const created = await up(['1', '1']);
  expect(created.output).toContain('10 created');
  expect(created.exitCode).toBe(0);
  expect(created.calls).toEqual(['before node-0 create', 'before node-1 create', 'created node-0 node-1']);
  const first = await testnet.ids();

  const failed = await up(['bad', 'bad'], { failing: ['node-1'] });
  expect(failed.exitCode).not.toBe(0);
  expect(failed.calls).toEqual(['before node-1 replace', 'after node-1']);
  // Once as the state of the stack's row, once under this heading.
  const [, diagnostics = ''] = failed.output.split('Diagnostics:');
  expect(diagnostics.split('the gate of node-1 failed')).toHaveLength(2);
  expect(failed.output).not.toContain('    at ');
  expect((await testnet.ids())['node-0']).toBe(first['node-0']);

  const repaired = await up(['1', '1'], { proven: ['node-0'] });
  expect(repaired.calls).toEqual(['before node-1 replace', 'after node-1']);
  expect(repaired.exitCode).toBe(0);

  const unchanged = await project.pulumi('preview', '--expect-no-changes');
  expect(unchanged.output).toContain('unchanged');
  expect(unchanged.exitCode).toBe(0);
});

test('a run and a hand-typed pulumi up have one state: each sees what the other did', async () => {
  await up(['1', '1']);
  const hooks = new NotedHooks();
  const topology = testnet.topology(['2', '2']);
  const expected = nodes.map((node) => ({ node, kind: 'replace' as const }));
  await testnet.deployer.roll({ topology, order, expected }, hooks);
  expect(hooks.take()).toEqual(order.flatMap((node) => [`before ${node} replace`, `after ${node}`]));

  const byHand = await up(['2', '2']);
  expect(byHand.calls).toEqual([]);
  expect(byHand.output).not.toMatch(/created|replaced|updated/);
  expect(byHand.exitCode).toBe(0);

  const destroyed = await project.pulumi('destroy', '--yes');
  expect(destroyed.exitCode).toBe(0);
  expect(await testnet.objects()).toEqual([]);
});
