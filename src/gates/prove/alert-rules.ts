import type { HttpAnswer } from './bad-world.ts';

/** Rules as Prometheus answers them on /api/v1/rules, as far as the worlds change them. */
export interface RulesAnswer {
  status: string;
  data?: { groups: { name: string; lastEvaluation?: string; rules: Rule[] }[] };
}

interface Rule {
  type: string;
  name: string;
  state?: string;
  health?: string;
  lastEvaluation?: string;
  labels?: Record<string, string>;
  alerts?: { labels: Record<string, string>; annotations: object; state: string; activeAt: string; value: string }[];
}

/** The answer with every rule changed; a rule for which `edit` gives nothing is gone. */
export function editRules(answer: HttpAnswer, edit: (rule: Rule) => Rule | undefined): HttpAnswer {
  const body = JSON.parse(answer.text) as RulesAnswer;
  const groups = body.data?.groups ?? [];
  for (const group of groups) {
    group.rules = group.rules.flatMap((rule) => edit(rule) ?? []);
    group.lastEvaluation = group.rules[0]?.lastEvaluation ?? '0001-01-01T00:00:00Z';
  }
  return { ...answer, text: JSON.stringify(body) };
}

/** The rule as it is while it fires for these nodes. */
export function firing(rule: Rule, nodes: readonly string[], testnet: string): Rule {
  const alerts = nodes.map((node) => ({
    labels: { alertname: rule.name, testnet, node, ...rule.labels },
    annotations: {},
    state: 'firing',
    activeAt: rule.lastEvaluation ?? '2020-01-01T00:00:00Z',
    value: '1e+00',
  }));
  return { ...rule, state: 'firing', alerts };
}
