import { describe, expect, test } from 'vitest';
import { captureScene } from '../../../src/engine/scene.ts';
import { LabError } from '../../../src/core/errors.ts';
import type { Lab } from '../../../src/lab/lab.ts';
import { loadEvidence, storeEvidence } from '../../../src/journal/evidence.ts';
import { gateWorld, healthyMetrics } from '../../helpers/gate-world.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const hanging = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new LabError('given up'))));

describe('the scene of a failure', () => {
  test('holds state, logs and metrics of every node, and can be stored', async () => {
    const world = await gateWorld();
    const scene = await captureScene(world);
    expect(Object.keys(scene.nodes)).toEqual(['node-0', 'node-1', 'node-2', 'node-3']);
    for (const node of Object.values(scene.nodes)) {
      expect(node.observation).toMatchObject({ ok: true, value: { state: 'running' } });
      expect(node.status).toMatchObject({ ok: true, value: { version: '1.0.0' } });
      expect(node.metrics).toEqual({ ok: true, value: healthyMetrics });
      expect(node.logs.ok && node.logs.value.length).toBeGreaterThan(0);
    }
    const runDir = await temporaryFolder();
    expect(await loadEvidence(runDir, await storeEvidence(runDir, scene))).toEqual(scene);
  });

  test('says of what does not answer that it did not, and still shows the rest', async () => {
    const world = await gateWorld();
    await world.lab.stop(world.node('node-1'));
    const lab: Lab = {
      ...world.lab,
      logs: (node, options) =>
        node.name === 'node-2'
          ? Promise.resolve([{ node: node.name, text: 'x'.repeat(10_000) }])
          : world.lab.logs(node, options),
      observe: (node, options) =>
        node.name === 'node-3' ? Promise.reject(new LabError('no lab')) : world.lab.observe(node, options),
    };
    const { nodes } = await captureScene({ ...world, lab });
    expect(nodes['node-1']?.observation).toMatchObject({ ok: true, value: { state: 'stopped' } });
    expect(nodes['node-1']?.status).toMatchObject({ ok: false });
    expect(nodes['node-1']?.metrics).toMatchObject({ ok: false });
    expect(nodes['node-2']?.logs.ok && nodes['node-2'].logs.value[0]?.text.length).toBe(4001);
    expect(nodes['node-3']?.observation).toEqual({ ok: false, error: 'no lab' });
    expect(nodes['node-3']?.status.ok).toBe(true);
  });

  test('takes no longer than 10 s, whatever hangs', async () => {
    const world = await gateWorld();
    world.show('node-0', { hangs: true });
    const lab: Lab = { ...world.lab, logs: (_node, options) => hanging(options?.signal) };
    const captured = captureScene({ ...world, lab });
    await world.clock.advance(10_100);
    const scene = await captured;
    expect(scene.tookMs).toBeGreaterThan(9_000);
    expect(scene.tookMs).toBeLessThanOrEqual(10_100);
    expect(scene.nodes['node-0']?.status.ok).toBe(false);
    expect(scene.nodes['node-1']?.status.ok).toBe(true);
    expect(scene.nodes['node-1']?.logs.ok).toBe(false);
  });

  test('ends at once when its signal is aborted, with what was seen', async () => {
    const world = await gateWorld();
    const ended = new AbortController();
    const lab: Lab = { ...world.lab, logs: (_node, options) => hanging(options?.signal) };
    const captured = captureScene({ ...world, lab, signal: ended.signal });
    await world.clock.advance(100);
    ended.abort();
    const scene = await captured;
    expect(scene.tookMs).toBeLessThan(200);
    expect(scene.nodes['node-0']?.observation.ok).toBe(true);
    expect(scene.nodes['node-0']?.logs.ok).toBe(false);
  });
});
