/** What stands where a secret stood. */
export const scrubbed = '[secret removed]';

/** Keys whose values are secrets: `DB_PASSWORD`, `apiToken`, `private-key`. Files and counts that only speak of secrets are not. */
const secretKey =
  /pass(word|wd|phrase)|secret|token|credential|mnemonic|api[_-]?key|private[_-]?key|(^|[_-])(key|auth|pwd)$|apiKey|privateKey/i;
const harmlessKey = /(files?|paths?|folder|names?|publickeys?|public[_-]key|perSecond)$/i;

export function isSecretKey(key: string): boolean {
  return secretKey.test(key) && !harmlessKey.test(key);
}

/** Shorter ones would be found in every second word; they are removed at their key only. */
const minLength = 8;

const patterns: [RegExp, string][] = [
  // A key in a PEM file, its line ends written out or escaped.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----/g, scrubbed],
  // Credentials in an address.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/:@"'\\]+:[^\s/@"'\\]+@/gi, `$1${scrubbed}@`],
  [/\b(Bearer|Basic) [A-Za-z0-9+/._~-]{8,}={0,2}/g, `$1 ${scrubbed}`],
  // An option of a command line: --db-password=x, "--token", "x".
  [
    /(--[\w-]*(?:password|passphrase|secret|token|private-key|api-key)[\w-]*(?:=|",\s*"))(?!\[secret)[^\s"',]+/gi,
    `$1${scrubbed}`,
  ],
];

/** Removes secrets from text. */
export interface Scrubber {
  (text: string): string;
  /** Removes the values of keys that name secrets, at any depth, then everything else that is known. */
  json(text: string): string;
}

/** A scrubber for these secrets, in the forms in which they can stand in a text: as they are, escaped for JSON and HTML, base64, hex; each line too. */
export function createScrubber(secrets: Iterable<string>): Scrubber {
  const forms = new Set<string>();
  for (const secret of secrets) for (const form of formsOf(secret)) if (form.length >= minLength) forms.add(form);
  // The longest first, so that none is left over in part.
  const known = [...forms]
    .sort((a, b) => b.length - a.length)
    .map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const anyKnown = known.length === 0 ? undefined : new RegExp(known.join('|'), 'g');
  const scrub = (text: string): string => {
    let clean = anyKnown ? text.replace(anyKnown, scrubbed) : text;
    for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
    return clean;
  };
  return Object.assign(scrub, {
    json: (text: string): string => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return scrub(text);
      }
      const masked = withoutSecrets(value);
      return scrub(masked === value ? text : `${JSON.stringify(masked, null, 2)}\n`);
    },
  });
}

const entities: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' };

function formsOf(secret: string): string[] {
  const whole = secret.trim();
  const parts = [whole, ...whole.split(/\s*\n\s*/), ...stringsIn(whole)].filter((part) => part !== '');
  return parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    return [
      part,
      JSON.stringify(part).slice(1, -1),
      part.replace(/[&<>"']/g, (character) => `&${entities[character] ?? ''};`),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('hex'),
      Buffer.from(`admin:${part}`).toString('base64'),
    ];
  });
}

/** The strings of a key file that is JSON, of its secret parts alone where keys tell them apart. */
function stringsIn(text: string): string[] {
  try {
    const value = JSON.parse(text) as unknown;
    const secret = [...secretValues(value)];
    return secret.length > 0 ? secret : [...allStrings(value)];
  } catch {
    return [];
  }
}

/** Values of keys that name secrets, at any depth. */
export function* secretValues(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (isSecretKey(key) && !Array.isArray(value)) yield* allStrings(item);
    else yield* secretValues(item);
  }
}

function* allStrings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'number') yield String(value);
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) yield* allStrings(item);
}

/** The same value when nothing in it had to be removed. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(withoutSecrets);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const before = Object.entries(value);
  const after = before.map(([key, item]): [string, unknown] => [
    key,
    isSecretKey(key) && (typeof item === 'string' || typeof item === 'number') ? scrubbed : withoutSecrets(item),
  ]);
  return after.every(([, item], index) => item === before[index]?.[1]) ? value : Object.fromEntries(after);
}
