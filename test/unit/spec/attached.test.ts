import { expect, test } from 'vitest';
import { expandText, plainProfile, problemsOf } from '../../helpers/spec-text.ts';

const head = ['system: chain', 'lab: attached', 'version: 1.0.0', 'nodes: { validator: 2 }'];
const sound = [
  ...head,
  'attach:',
  '  validator-0: { http: "http://10.0.0.1:80" }',
  '  validator-1: { http: "http://b" }',
];
const text = (...more: string[]): string => [...sound, ...more, ''].join('\n');

test('nodes of others need a version to claim, and no release', async () => {
  expect((await expandText(text())).map(({ name, version }) => [name, version])).toEqual([
    ['validator-0', '1.0.0'],
    ['validator-1', '1.0.0'],
  ]);
});

test.each([
  ['  validator-2: { http: "http://c" }', '8:3: there is no node validator-2; did you mean validator-0?'],
  [
    'releases: { 1.0.0: { program: x } }',
    '8:1: releases is for nodes that Seatrial starts; remove it, the nodes are not ours',
  ],
  ['monitoring: true', '8:1: monitoring is for nodes that Seatrial starts; remove it, the nodes are not ours'],
  ['bind: 0.0.0.0', '8:1: bind is for nodes that Seatrial starts; remove it, the nodes are not ours'],
  ['overrides: { validator-0: { env: { A: b } } }', '8:29: env cannot be set on a node that is not ours; remove it'],
])('%s is refused', async (line, problem) => {
  expect(await problemsOf(text(line))).toContain(problem);
});

const with1 = (endpoint: string): string => text().replace('{ http: "http://b" }', endpoint);

test.each([
  ['{ htp: "http://b" }', 'a validator has no port htp; did you mean http?'],
  ['{ p2p: "http://b" }', 'validator-1 has no endpoint for http, which the probes of chain ask'],
  ['{ http: "http://10.0.0.1/" }', 'http://10.0.0.1/ is the endpoint of validator-0 already'],
  ['{ http: "https://b" }', 'must be an http:// URL without user, query and fragment'],
  ['{ http: "http://me:word@b" }', 'must be an http:// URL without user, query and fragment'],
  ['{ http: "b:80" }', 'must be an http:// URL without user, query and fragment'],
])('the endpoints %s are refused', async (endpoint, problem) => {
  expect((await problemsOf(with1(endpoint))).join('\n')).toContain(problem);
});

test('a node without endpoints is named', async () => {
  const one = sound.slice(0, -1).join('\n');
  expect(await problemsOf(one)).toEqual(['6:3: validator-1 has no endpoints; say where it answers under attach:']);
});

test('where metrics are on a port of their own, its endpoint is needed as well', async () => {
  const profile = { ...plainProfile, metrics: { port: 'p2p', path: '/metrics' } };
  expect((await problemsOf(text(), profile)).join('\n')).toContain('validator-0 has no endpoint for p2p');
});

test('endpoints on another lab are refused', async () => {
  const process = text('releases: { 1.0.0: { program: x } }').replace('lab: attached', 'lab: process');
  expect(await problemsOf(process)).toEqual(['5:1: attach is for lab: attached, whose nodes others started']);
});
