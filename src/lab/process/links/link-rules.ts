import type { FaultAction, NetworkEnd } from '../../faults.ts';

/** What becomes of bytes that go one way between two ends. */
export type Verdict = 'pass' | 'drop' | 'reject';

/** What a path does to all that it lets through. */
export interface PathShape {
  delayMs: number;
  jitterMs: number;
  lossShare: number;
  bitsPerSecond: number;
}

type LinkAction = Extract<FaultAction, { kind: 'cut' | 'shape' }>;

/** The rules of all faults of links that act, and what they come to for each directed pair. */
export class LinkRules {
  readonly #actions = new Map<string, { node: string; action: LinkAction }>();

  set(id: string, node: string, action: LinkAction): void {
    this.#actions.set(id, { node, action });
  }

  /** Whether there was such a fault. */
  delete(id: string): boolean {
    return this.#actions.delete(id);
  }

  /** `port`: name of the port that the connection was made to; without one only rules for all ports count. Silence wins over an error. */
  verdict(from: NetworkEnd, to: NetworkEnd, port?: string): Verdict {
    let verdict: Verdict = 'pass';
    for (const { node, action } of this.#actions.values()) {
      if (action.kind !== 'cut') continue;
      for (const rule of action.rules) {
        const [own, peer] = rule.direction === 'in' ? [to, from] : [from, to];
        const isMeant = rule.ports === undefined || (port !== undefined && rule.ports.includes(port));
        if (node !== own || rule.peer !== peer || !isMeant) continue;
        if (rule.verdict === 'drop') return 'drop';
        verdict = 'reject';
      }
    }
    return verdict;
  }

  /** How what `from` sends to `to` is disturbed; several rules add up. */
  shape(from: NetworkEnd, to: NetworkEnd): PathShape | undefined {
    const rules = [...this.#actions.values()].flatMap(({ node, action }) =>
      action.kind === 'shape' && node === from ? action.rules.filter(({ peer }) => peer === to) : [],
    );
    if (rules.length === 0) return undefined;
    return {
      delayMs: rules.reduce((sum, { delayMs = 0 }) => sum + delayMs, 0),
      jitterMs: rules.reduce((sum, { jitterMs = 0 }) => sum + jitterMs, 0),
      lossShare: 1 - rules.reduce((passed, { lossShare = 0 }) => passed * (1 - lossShare), 1),
      bitsPerSecond: Math.min(...rules.map(({ bitsPerSecond = Infinity }) => bitsPerSecond)),
    };
  }
}
