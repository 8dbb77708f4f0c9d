import { distance } from 'fastest-levenshtein';

/** The candidate most like a mistyped word, if any is like it at all. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const apart = distance(word.toLowerCase(), candidate.toLowerCase());
    if (apart < bestDistance) [best, bestDistance] = [candidate, apart];
  }
  return best !== undefined && bestDistance <= Math.max(2, Math.floor(word.length / 2)) ? best : undefined;
}

/** "; did you mean X?", or the list of what is valid where nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const hit = nearest(word, all);
  if (hit !== undefined) return `; did you mean ${hit}?`;
  return all.length > 0 ? `; valid are: ${all.join(', ')}` : '';
}
