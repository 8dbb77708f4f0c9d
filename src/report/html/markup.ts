/** Text that is markup already. Only `html` makes it, so that everything else in a page is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = Markup | string | number | false | null | undefined | readonly Content[];

/**
 * A template for HTML and SVG. Strings and numbers that are put in are escaped, for text and for quoted attributes alike; markup and
 * lists of it are put in as they are; false, null and undefined are left out.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(
    strings.map((text, index) => (index === 0 ? '' : render(values[index - 1])) + withoutIndent(text)).join(''),
  );
}

/** For texts of this package itself, such as its style sheet. Never for anything that comes from a run. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

/** The indentation of the source says nothing to a browser and would make up a third of a large page. */
function withoutIndent(text: string): string {
  return text.replace(/\s*\n\s*/g, '\n');
}

function render(value: Content): string {
  if (value instanceof Markup) return value.text;
  if (value === false || value === null || value === undefined) return '';
  if (typeof value === 'object') return value.map(render).join('');
  return escape(String(value));
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escape(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => entities[character] ?? '')
      // Control characters are not allowed in HTML at all and could hide what a text says.
      // eslint-disable-next-line no-control-regex -- they are what is looked for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
  );
}
