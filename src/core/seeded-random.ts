/**
 * Numbers in [0, 1) that are the same for the same seed and stream, on every machine: what a verdict used can be drawn again.
 * Generator: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021); its state is
 * filled by the 32-bit finaliser of MurmurHash3 (Appleby) over a Weyl sequence. Not for keys or tokens.
 * @param seed integer; only its low 32 bits count
 * @param stream integer that sets independent sequences of one seed apart; default 0
 */
export function seededRandom(seed: number, stream = 0): () => number {
  const start = scrambled((seed >>> 0) ^ scrambled((stream + 0x9e3779b9) >>> 0));
  let [a, b, c, d] = [1, 2, 3, 4].map((step) => scrambled((start + Math.imul(step, 0x9e3779b9)) >>> 0)) as [
    number,
    number,
    number,
    number,
  ];
  return () => {
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return result / 2 ** 32;
  };
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function scrambled(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
