/**
 * A text with only characters that XML 1.0 allows (production 2, Char); others, lone surrogates among them, become U+FFFD. Escaping is
 * left to the writer. C1 controls and marks that turn the direction of a text are allowed there and could hide what it says, so they go too.
 */
export function xmlText(text: string): string {
  return (
    text
      .toWellFormed()
      .replaceAll('\r', '\n')
      // eslint-disable-next-line no-control-regex -- they are what is looked for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '\ufffd')
  );
}
