/** `850 ms`, `12.3 s`, `4 min 05 s`, `3 h 07 min`, `2 d 4 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 999.5) return `${Math.round(durationMs)} ms`;
  if (durationMs < 59_950) return `${(durationMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${twoDigits(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Whole numbers with thousands apart: `12,345`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `2026-01-02 03:04:05 UTC`. */
export function formatInstant(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** First digits of a digest or hash, enough to tell two apart by eye. */
export function shortHash(hash: string, digits = 12): string {
  return hash.replace(/^sha256:/, '').slice(0, digits);
}

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `version=1.1.0, wait=5`; after the first `most` of them `…` stands for the others. */
export function formatParameters(parameters: Record<string, string>, most = Infinity): string {
  const all = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return (all.length > most ? [...all.slice(0, most), '…'] : all).join(', ');
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
