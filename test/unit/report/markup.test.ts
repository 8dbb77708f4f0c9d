import fc from 'fast-check';
import { expect, test } from 'vitest';
import { html } from '../../../src/report/html/markup.ts';
import { joinSlots, slotStrip } from '../../../src/report/html/slot-strip.ts';
import { byClass, byTag, parsePage, plainText } from '../../helpers/parse-page.ts';

test('whatever is put into text or an attribute comes out as the same text, and as nothing else', () => {
  // eslint-disable-next-line no-control-regex -- control characters are replaced
  const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
  const markupLike = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc
      .array(fc.constantFrom('<', '>', '"', "'", '&', '</p>', '<script>', 'x', ' ', '&lt;', '-->', '${'))
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(markupLike, (text) => {
      fc.pre(!unprintable.test(text));
      const page = parsePage(html`<p title="${text}">${text}</p>`.text);
      const [paragraph] = byTag(page, 'p');
      expect(paragraph?.attributes['title']).toBe(text);
      expect(paragraph && plainText(paragraph)).toBe(text);
      expect(page.children).toHaveLength(1);
    }),
    { numRuns: 500 },
  );
});

test('characters that would hide or turn text are shown as such', () => {
  expect(html`${'a\u0000b\u001b[2Jc\u202ed'}`.text).toBe('a\ufffdb\ufffd[2Jc\ufffdd');
});

test('markup, lists and nothing are put in as they are', () => {
  const items = [1, 2].map((item) => html`<b>${item}</b>`);
  expect(html`<p>${items}${false}${undefined}${null}${''}</p>`.text).toBe('<p><b>1</b><b>2</b></p>');
});

test('the indentation of a template is left out, that of a text put into it is not', () => {
  const page = html`<ul>
    <li>${'a\n   b'}</li>
  </ul>`;
  expect(page.text).toBe('<ul>\n<li>a\n   b</li>\n</ul>');
});

test('a strip has a cell for each slot and says its counts', () => {
  const strip = parsePage(slotStrip('++-?').text);
  expect(byTag(strip, 'svg')[0]?.attributes['aria-label']).toBe('4 slots: 2 held, 1 bad, 1 unknown');
  expect(byTag(strip, 'rect').map(({ attributes }) => attributes['class'])).toEqual([
    's-good',
    's-good',
    's-bad',
    's-unknown',
  ]);
});

test('a strip that is too long keeps every trouble in view', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('+', '-', '?'), { minLength: 61, maxLength: 2000 }), (states) => {
      const joined = joinSlots(states.join(''), 60);
      expect(joined).toHaveLength(60);
      if (states.includes('-')) expect(joined).toContain('-');
      else expect(joined.includes('?')).toBe(states.includes('?'));
    }),
  );
  expect(byClass(parsePage(slotStrip(`${'+'.repeat(5000)}-`).text), 's-bad')).toHaveLength(1);
});
