export interface XmlElement {
  name: string;
  attributes: Record<string, string>;
  children: XmlElement[];
  text: string;
}

/** Production 2 of XML 1.0: the characters that a document may hold. */
const legal = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;
const nameStart = '[A-Za-z_:][\\w:.-]*';
const token = new RegExp(
  `<!\\[CDATA\\[([^]*?)\\]\\]>|<(/?)(${nameStart})((?:\\s+${nameStart}\\s*=\\s*"[^"<]*")*)\\s*(/?)>|[^<]+|<`,
  'g',
);
const attribute = new RegExp(`(${nameStart})\\s*=\\s*"([^"<]*)"`, 'g');
const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Parses an XML document without comments and DTD, and throws where it is not well-formed. */
export function parseXml(document: string): XmlElement {
  if (!legal.test(document)) throw new Error('it holds a character that XML does not allow');
  const [, body = ''] = /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*([^]*)$/.exec(document) ?? [];
  const root: XmlElement = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  for (const [whole, cdata, slash, name, attributes = '', selfClosing] of body.matchAll(token)) {
    const parent = open.at(-1);
    if (!parent) throw new Error(`more is closed than opened at ${whole}`);
    if (cdata !== undefined) parent.text += cdata;
    else if (name === undefined) {
      if (whole === '<' || whole.includes(']]>')) throw new Error(`${whole} is not escaped`);
      parent.text += decode(whole);
    } else if (slash === '/') {
      if (parent.name !== name) throw new Error(`</${name}> closes <${parent.name}>`);
      open.pop();
    } else {
      const element: XmlElement = { name, attributes: {}, children: [], text: '' };
      for (const [, key = '', value = ''] of attributes.matchAll(attribute)) {
        if (key in element.attributes) throw new Error(`<${name}> has two attributes ${key}`);
        element.attributes[key] = decode(value);
      }
      parent.children.push(element);
      if (selfClosing !== '/') open.push(element);
    }
  }
  const [only, ...others] = root.children;
  if (open.length !== 1 || !only || others.length > 0) throw new Error('it has not exactly one root element');
  return only;
}

function decode(text: string): string {
  return text.replace(/&([^;]{0,8});?/g, (whole, name: string) => {
    const known = entities[name];
    if (known !== undefined) return known;
    const [, digits] = /^#x([0-9A-Fa-f]+)$/.exec(name) ?? [];
    const [, decimal] = /^#(\d+)$/.exec(name) ?? [];
    if (digits !== undefined) return String.fromCodePoint(Number.parseInt(digits, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    throw new Error(`${whole} is no entity`);
  });
}
