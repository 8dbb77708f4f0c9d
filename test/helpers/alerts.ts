import { join } from 'node:path';
import { execa } from 'execa';
import { parse, stringify } from 'yaml';
import { writeFileAtomic } from '../../src/core/files.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Series in promtool's notation: selector → values, one every five seconds. */
export type InputSeries = Record<string, string>;

/** Names of the alerts in a rule file. */
export function alertNames(rules: string): string[] {
  const { groups } = parse(rules) as { groups: { rules: { alert?: string }[] }[] };
  return groups.flatMap((group) => group.rules.flatMap(({ alert }) => alert ?? []));
}

/** Runs the rules over the series with promtool; rejects unless exactly these alerts fire at that time, each `count` times. */
export async function expectFiring(
  rules: string,
  series: InputSeries,
  evalTime: string,
  expected: Record<string, number>,
): Promise<void> {
  const folder = await temporaryFolder();
  await writeFileAtomic(join(folder, 'rules.yml'), rules);
  const test = {
    rule_files: ['rules.yml'],
    evaluation_interval: '5s',
    tests: [
      {
        interval: '5s',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
            eval_time: evalTime,
            exp_samples: Object.entries(expected).map(([name, value]) => ({ labels: `{alertname="${name}"}`, value })),
          },
        ],
      },
    ],
  };
  await writeFileAtomic(join(folder, 'test.yml'), stringify(test));
  await execa('promtool', ['test', 'rules', 'test.yml'], { cwd: folder, all: true, timeout: 30_000 });
}
