import { describe, expect, test } from 'vitest';
import { parsePrometheusText } from '../../../src/gates/prometheus-text.ts';
import { metricNumber } from '../../../src/gates/readings.ts';

describe('the Prometheus text format', () => {
  test('is read with labels, escapes, timestamps and odd spacing', () => {
    const text = [
      '# HELP requests_total Requests.',
      '# TYPE requests_total counter',
      'requests_total{code="200",path="/a\\"b\\\\c\\nd"} 12 1700000000000',
      'requests_total{ code = "500" , } 3',
      'plain 1.5e3',
      '  ',
      'tabbed\t-7',
    ].join('\n');
    expect(parsePrometheusText(text).samples).toEqual([
      { name: 'requests_total', labels: { code: '200', path: '/a"b\\c\nd' }, value: 12 },
      { name: 'requests_total', labels: { code: '500' }, value: 3 },
      { name: 'plain', labels: {}, value: 1500 },
      { name: 'tabbed', labels: {}, value: -7 },
    ]);
  });

  test('keeps NaN and infinities through JSON', () => {
    const { samples } = parsePrometheusText('a NaN\nb +Inf\nc -Inf\nd inf\n');
    const again = JSON.parse(JSON.stringify(samples)) as typeof samples;
    expect(again.map(({ value }) => metricNumber(value))).toEqual([NaN, Infinity, -Infinity, Infinity]);
  });

  test('tells a declared family without samples from one that is absent', () => {
    const { exposed, samples } = parsePrometheusText('# TYPE errors_total counter\n# TYPE took histogram\n');
    expect(samples).toEqual([]);
    expect(exposed).toEqual(['errors_total', 'took', 'took_bucket', 'took_sum', 'took_count']);
  });

  test('keeps only what is wanted, and does not stumble over the rest', () => {
    const text = '# TYPE other counter\nother{broken 1\nwanted 1\n';
    const families = parsePrometheusText(text, new Set(['wanted']));
    expect(families).toEqual({ exposed: ['wanted'], samples: [{ name: 'wanted', labels: {}, value: 1 }] });
  });

  test.each([
    ['a value that is no number', 'ok 1\na twelve'],
    ['no value', 'ok 1\na'],
    ['a label without quotes', 'ok 1\na{b=c} 1'],
    ['labels that do not end', 'ok 1\na{b="c 1'],
    ['an unknown escape', 'ok 1\na{b="\\t"} 1'],
    ['no name', 'ok 1\n{b="c"} 1'],
  ])('is refused, naming the line, for %s', (_title, text) => {
    expect(() => parsePrometheusText(text)).toThrow(/^line 2 of the metrics is malformed/);
  });

  test('of an empty page has nothing in it', () => {
    expect(parsePrometheusText('')).toEqual({ exposed: [], samples: [] });
  });
});
