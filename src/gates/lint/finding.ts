/** Something about a check or a rule that makes it worth nothing (error), or less than it seems (warning). */
export interface Finding {
  level: 'error' | 'warning';
  /** The check, or the rule file and the rule, as in `check http-errors` or `rules.yml: alert NodeDown`. */
  where: string;
  /** A sentence, with the nearest thing that exists where a name is wrong. */
  text: string;
}

export function error(where: string, text: string): Finding {
  return { level: 'error', where, text };
}

export function warning(where: string, text: string): Finding {
  return { level: 'warning', where, text };
}
