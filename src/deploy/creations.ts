import type { Stage } from '../engine/deployer.ts';

/**
 * Absent nodes in the groups in which a stage makes them: all at once, or each by itself as `order` says, those not in it last and as
 * given.
 */
export function creations<T>(
  absent: readonly T[],
  nameOf: (one: T) => string,
  { order, createsInOrder = false }: Pick<Stage, 'order'> & { createsInOrder?: boolean | undefined },
): T[][] {
  if (absent.length === 0) return [];
  if (!createsInOrder) return [[...absent]];
  const place = (one: T): number => {
    const position = order.indexOf(nameOf(one));
    return position < 0 ? order.length : position;
  };
  return absent.toSorted((a, b) => place(a) - place(b)).map((one) => [one]);
}
