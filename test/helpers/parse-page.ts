/** An element of a page. Text nodes are strings, entities resolved. */
export interface PageElement {
  tag: string;
  attributes: Record<string, string>;
  children: (PageElement | string)[];
}

/** Set in the line of the text around them. */
const inlineTags: readonly string[] = ['a', 'b', 'code', 'i', 'small', 'span', 'strong'];
const voidTags: readonly string[] = ['meta', 'br', 'link', 'img', 'hr', 'input'];
const token = /<!--[^]*?-->|<!doctype[^>]*>|<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>|[^<]+|</gi;
const attribute = /([\w:-]+)(?:="([^"]*)")?/g;
const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" };

/** Parses a page that is well-formed, and throws where it is not: a tag left open, a quote or bracket that was not escaped. */
export function parsePage(text: string): PageElement {
  const root: PageElement = { tag: '', attributes: {}, children: [] };
  const open: PageElement[] = [root];
  for (const [whole, slash = '', name = '', attributes = '', selfClosing = ''] of text.matchAll(token)) {
    const parent = open.at(-1);
    if (!parent) throw new Error(`more tags are closed than opened at ${whole}`);
    if (whole.startsWith('<!')) continue;
    if (name === '') {
      if (whole === '<') throw new Error(`a bracket stands alone inside <${parent.tag}>`);
      parent.children.push(parent.tag === 'style' ? whole : decode(whole));
    } else if (slash !== '') {
      if (parent.tag !== name) throw new Error(`</${name}> closes <${parent.tag}>`);
      open.pop();
    } else {
      const element: PageElement = { tag: name, attributes: {}, children: [] };
      for (const [, key = '', value = ''] of attributes.matchAll(attribute)) {
        if (key in element.attributes) throw new Error(`<${name}> has two attributes ${key}`);
        element.attributes[key] = decode(value);
      }
      parent.children.push(element);
      if (selfClosing === '' && !voidTags.includes(name)) open.push(element);
    }
  }
  if (open.length !== 1) throw new Error(`<${open.at(-1)?.tag ?? ''}> is never closed`);
  return root;
}

/** All elements below, in order, for which the test holds. */
export function findAll(element: PageElement, test: (element: PageElement) => boolean): PageElement[] {
  return element.children.flatMap((child) =>
    typeof child === 'string' ? [] : [...(test(child) ? [child] : []), ...findAll(child, test)],
  );
}

export const byTag = (element: PageElement, tag: string): PageElement[] => findAll(element, (each) => each.tag === tag);

export const byClass = (element: PageElement, name: string): PageElement[] =>
  findAll(element, ({ attributes }) => (attributes['class'] ?? '').split(' ').includes(name));

/** The section whose heading has this id. */
export function sectionOf(page: PageElement, id: string): PageElement {
  const section = byTag(page, 'section').find(({ attributes }) => attributes['aria-labelledby'] === id);
  if (!section) throw new Error(`there is no section ${id}`);
  return section;
}

/** Rows of a table's body as their cells' texts. */
export function bodyRows(element: PageElement): string[][] {
  return byTag(element, 'tbody')
    .flatMap((body) => byTag(body, 'tr'))
    .map((row) => row.children.filter((child) => typeof child !== 'string').map(textOf));
}

/** The text that a reader sees, spaces joined; names of pictures (title, desc) left out. */
export function textOf(element: PageElement): string {
  return rawText(element).replace(/\s+/g, ' ').trim();
}

function rawText(element: PageElement): string {
  return element.children
    .map((child) => {
      if (typeof child === 'string') return child;
      if (['title', 'desc', 'style'].includes(child.tag)) return '';
      return inlineTags.includes(child.tag) ? rawText(child) : ` ${rawText(child)} `;
    })
    .join('');
}

/** The text of an element that holds nothing else, as it stands. */
export function plainText(element: PageElement): string {
  return element.children
    .map((child) => {
      if (typeof child !== 'string') throw new Error(`<${element.tag}> holds <${child.tag}>`);
      return child;
    })
    .join('');
}

function decode(text: string): string {
  return text.replace(/&(#?\w+);|&/g, (whole, name: string | undefined) => {
    const character = name === undefined ? undefined : entities[name];
    if (character === undefined) throw new Error(`${whole} is not escaped or not known`);
    return character;
  });
}
