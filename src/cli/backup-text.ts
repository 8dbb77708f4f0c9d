/** `3 min`, `5.2 h`, `12 d`: how old a backup is. */
export function formatAge(ageMs: number): string {
  if (ageMs < 60_000) return `${Math.max(0, Math.round(ageMs / 1000))} s`;
  if (ageMs < 3_600_000) return `${Math.round(ageMs / 60_000)} min`;
  if (ageMs < 172_800_000) return `${(ageMs / 3_600_000).toFixed(1)} h`;
  return `${Math.round(ageMs / 86_400_000)} d`;
}

/** `812 B`, `3.4 MiB`. */
export function formatBytes(sizeBytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = sizeBytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(sizeBytes) / 10));
  const amount = sizeBytes / 1024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${units[power]}`;
}
