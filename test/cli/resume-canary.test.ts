import { expect, test } from 'vitest';
import { expectSameEnds, isSoak, killPoints } from '../helpers/kill-and-resume.ts';
import { killableProject } from '../helpers/killable-project.ts';
import { useProject } from '../helpers/project.ts';

const project = useProject();

// In a file of its own, which no other runs beside: these signatures take much of a processor, and the comparison wants answers in time.
test(
  'a canary of a feature whose process is killed ends as it would have ended',
  { timeout: isSoak ? 5 * 3_600_000 : 400_000 },
  async () => {
    await project.write(
      [
        'system: reference',
        'lab: process',
        'version: 1.0.0',
        'releases: { 1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } } }',
        'nodes: { validator: 4 }',
        'gate: smoke',
        'load: { perSecond: 20 }',
        '',
      ].join('\n'),
    );
    await project.succeed('up', project.file);
    const set = {
      ...{ ttl: '60s', blocks: '5', switches: '2', 'switch-for': '1s', rollout: 'no' },
      'prove-within': '30s',
    };
    const parameters = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    await project.succeed('run', 'tss-canary', project.testnet, ...parameters);
    const points = killPoints(await project.newestRun(), ['effect.intent', 'effect.done', 'finding', 'choice']);
    const scenario = { runbook: 'tss-canary', set, exitCode: 0, outcome: 'passed', digests: {}, starts: {} };
    expect(points.length).toBeGreaterThanOrEqual(4);
    await expectSameEnds(killableProject(project), 'tss-canary', points, () => scenario);
  },
);
