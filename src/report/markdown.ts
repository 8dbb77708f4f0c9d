/** A text in a Markdown document, safe for headings, lists and tables: nothing in it is markup, and it stays on its line. */
export function markdownText(text: string): string {
  return (
    text
      .toWellFormed()
      // eslint-disable-next-line no-control-regex -- they are what is looked for
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ')
      .replace(/[\\`*_[\]<>|~#&]/g, (character) => (character === '<' ? '&lt;' : `\\${character}`))
      // A scheme or a www. would be made a link by itself.
      .replace(/:\/\/|www\./g, (text) => `${text.slice(0, -1)}\u200b${text.slice(-1)}`)
  );
}

/** Code in a line; backticks in it would end it. */
export function markdownCode(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return `\`${text.replace(/[`|\u0000-\u001f\u007f-\u009f]/g, ' ')}\``;
}

/** A table; cells are Markdown already. Without rows there is no table. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line), ''];
}
