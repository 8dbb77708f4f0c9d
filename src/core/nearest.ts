import { distance } from 'fastest-levenshtein';

/** The candidate most like a mistyped word, if any is like it at all. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const apart = distance(word.toLowerCase(), candidate.toLowerCase());
    if (apart < bestDistance) [best, bestDistance] = [candidate, apart];
  }
  // A word of which nothing is right is like none: "ja" is no mistyped "no".
  const most = Math.min(word.length - 1, Math.max(2, Math.floor(word.length / 2)));
  return best !== undefined && bestDistance <= most ? best : undefined;
}

/** "; did you mean X?", or the list of what is valid where nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const hit = nearest(word, all);
  if (hit !== undefined) return `; did you mean ${hit}?`;
  return all.length > 0 ? `; valid are: ${all.join(', ')}` : '';
}
