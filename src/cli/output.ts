/** Writes the result of a command. Only here does the product write to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** As `2026-01-31 03:00:00 +01:00`: by the machine's clock, and its distance from UTC. */
export function localTime(at: Date): string {
  // Swedish writes a date as ISO 8601 does.
  return at.toLocaleString('sv-SE', { timeZoneName: 'longOffset' }).replace(' GMT', ' ');
}

/** Columns padded to their widest cell; the last one is left ragged. Colours do not count. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, width(cell))));
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - width(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function width(cell: string): number {
  // eslint-disable-next-line no-control-regex -- colour codes start with the escape character
  return cell.replaceAll(/\x1b\[\d+m/g, '').length;
}
