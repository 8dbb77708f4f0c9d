import { LabError } from '../../core/errors.ts';
import type { Lab } from '../../lab/lab.ts';

/** What looks at nodes and changes nothing. */
const looking = new Set<PropertyKey>(['kind', 'observe', 'logs', 'endpoint']);

/** The lab with other eyes, and without hands: whatever could change something is refused. */
export function readOnlyLab(lab: Lab, eyes: Partial<Pick<Lab, 'observe' | 'logs'>>): Lab {
  return new Proxy(lab, {
    get(target, name) {
      if (name === 'observe' && eyes.observe) return eyes.observe;
      if (name === 'logs' && eyes.logs) return eyes.logs;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return looking.has(name) ? (member.bind(target) as unknown) : refuse;
    },
  });
}

function refuse(): never {
  throw new LabError('a gate is being proven: nothing on the testnet may be changed');
}
