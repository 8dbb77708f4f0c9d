import type { KvOperation } from '../../../../src/safety/linearizability/kv-history.ts';
import { cas, read, write } from './histories.ts';

type Spoil = (history: readonly KvOperation[], random: () => number) => KvOperation[] | undefined;

/** A moment when nothing is under way and after which nothing happens, so that what is added there is in no doubt. */
const endOf = (history: readonly KvOperation[]): number => Math.max(...history.map(({ returnMs }) => returnMs)) + 1;

const oneOf = <T>(items: readonly T[], random: () => number): T | undefined =>
  items[Math.floor(random() * items.length)];

const writesOf = (history: readonly KvOperation[]): (KvOperation & { kind: 'write' })[] =>
  history.filter((one): one is KvOperation & { kind: 'write' } => one.kind === 'write' && one.outcome === 'ok');

/** What no linearizable store may answer, put into what one did answer; undefined where this history has no place for it. */
export const anomalies: Record<string, Spoil> = {
  'a stale read': (history, random) => {
    const writes = writesOf(history);
    const places = history.flatMap((one, index) => {
      if (one.kind !== 'read' || one.outcome !== 'ok') return [];
      const before = writes.filter(({ key, returnMs }) => key === one.key && returnMs < one.callMs);
      const newest = before.at(-1);
      const old = before.find(({ returnMs }) => newest !== undefined && returnMs < newest.callMs);
      return old ? [{ index, value: old.value }] : [];
    });
    const place = oneOf(places, random);
    return (
      place && history.map((one, index) => (index === place.index ? { ...one, kind: 'read', value: place.value } : one))
    );
  },
  'a lost update': (history) => {
    const at = endOf(history);
    const key = history[0]?.key ?? 'k';
    return [
      ...history,
      write(at, at + 1, 'base', { process: 'p', key }),
      // Both saw the same value, and both were told that theirs took its place.
      cas(at + 2, at + 6, ['base', 'mine'], true, { process: 'p', key }),
      cas(at + 3, at + 5, ['base', 'yours'], true, { process: 'q', key }),
    ];
  },
  'a split brain': (history) => {
    const at = endOf(history);
    const key = history[0]?.key ?? 'k';
    const left = { process: 'p', node: 'left', key };
    const right = { process: 'q', node: 'right', key };
    return [
      ...history,
      ...[write(at, at + 3, 'l', left), write(at + 1, at + 2, 'r', right)],
      ...[read(at + 4, at + 5, 'l', left), read(at + 6, at + 7, 'r', right), read(at + 8, at + 9, 'l', left)],
    ];
  },
  'a resurrected write': (history) => {
    const at = endOf(history);
    const key = history[0]?.key ?? 'k';
    const old = writesOf(history).find((one) => one.key === key);
    if (!old) return undefined;
    return [...history, write(at, at + 1, 'newest', { key }), read(at + 2, at + 3, old.value, { key })];
  },
  'a write that was refused': (history) => {
    const at = endOf(history);
    const key = history[0]?.key ?? 'k';
    return [
      ...history,
      write(at, at + 1, 'refused', { key, outcome: 'fail' }),
      read(at + 2, at + 3, 'refused', { key }),
    ];
  },
};
