import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { SpecError } from '../../../src/core/errors.ts';
import { loadTestnetFile } from '../../../src/spec/load.ts';
import { loadText, plainProfile, problemsOf, soundSpec } from '../../helpers/spec-text.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';
import { dirname, join } from 'node:path';

/** The sound text with one piece changed; fails when the piece is not there. */
function changed(piece: string, to: string): string {
  if (!soundSpec.includes(piece)) throw new Error(`${piece} is not in the text`);
  return soundSpec.replace(piece, to);
}

const one = '{ program: one.mjs }';
const four = '{ validator: 4 }';

describe('text that is not YAML is told with line and column', () => {
  test.each([
    ['an open bracket', 'system: [a\nlab: b', /^2:1: not valid YAML: Flow sequence/],
    ['a tab', 'system: chain\n\tlab: process\n', /^2:1: not valid YAML: Tabs are not allowed/],
    ['a key that is there twice', `${soundSpec}lab: docker\n`, /^8:1: not valid YAML: Map keys must be unique/],
    ['a second document', `${soundSpec}---\na: b\n`, /^8:1: not valid YAML: a testnet file holds one document/],
    ['an alias without its anchor', `${soundSpec}gate: *nothing\n`, /^8:7: not valid YAML: Unresolved alias.*nothing/],
    [
      'aliases that grow beyond reason',
      `a: &a [${'x,'.repeat(10)}]\nb: &b [${'*a,'.repeat(10)}]\nc: [${'*b,'.repeat(10)}]\n`,
      /^\d+:\d+: not valid YAML: Excessive alias count/,
    ],
  ])('%s', async (_what, text, expected) => {
    const [first] = await problemsOf(text);
    expect(first).toMatch(expected);
  });

  test('an empty file and one of comments alone want a mapping', async () => {
    expect(await problemsOf('')).toEqual(['1:1: the file must be a mapping, but is null']);
    expect(await problemsOf('# nothing\n')).toEqual(['1:1: the file must be a mapping, but is null']);
    expect(await problemsOf('- a\n')).toEqual(['1:1: the file must be a mapping, but is ["a"]']);
  });
});

describe('unknown keys are errors at their own place, with the nearest valid one', () => {
  test.each([
    ['of the file', `${soundSpec}montoring: true\n`, '8:1: unknown key montoring; did you mean monitoring?'],
    ['of a role', changed(four, '{ validator: { cuont: 4 } }'), '7:23: unknown key cuont; did you mean count?'],
    [
      'of an override',
      `${soundSpec}overrides: { validator-0: { flag: {} } }\n`,
      '8:29: unknown key flag; did you mean flags?',
    ],
    [
      'of load',
      `${soundSpec}load: { perSecond: 1, persecond: 2 }\n`,
      '8:23: unknown key persecond; did you mean perSecond?',
    ],
    ['of monitoring', `${soundSpec}monitoring: { rulez: [a] }\n`, '8:15: unknown key rulez; did you mean rules?'],
    ['of images', `${soundSpec}images: { promtheus: a }\n`, '8:11: unknown key promtheus; did you mean prometheus?'],
    ['of a release', changed(one, '{ program: a, diggest: b }'), '5:24: unknown key diggest; did you mean digest?'],
    ['of a build', changed(one, '{ build: { context: a, arg: {} } }'), '5:33: unknown key arg; did you mean args?'],
    ['YAML merge keys', `${soundSpec}<<: { gate: smoke }\n`, /^8:1: unknown key <<; valid are: system, lab,/],
    [
      'names that every object has',
      `${soundSpec}__proto__: { gate: smoke }\n`,
      /^8:1: unknown key __proto__; valid are: system/,
    ],
  ])('%s', async (_what, text, expected) => {
    const problems = await problemsOf(text);
    expect(problems).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });

  test('a mistyped key that leaves a needed one missing is told as both', async () => {
    expect(await problemsOf(changed(one, '{ progam: one.mjs }'))).toEqual([
      '5:10: releases.1.0.0.program is missing (must be a string)',
      '5:12: unknown key progam; did you mean program?',
    ]);
  });

  test('a key that is valid, but not beside the others, is told so', async () => {
    expect(await problemsOf(changed(one, '{ program: a, image: b }'))).toEqual([
      '5:24: image cannot stand beside program',
    ]);
  });
});

describe('values of the wrong form say what was expected and what was found', () => {
  test.each([
    ['a missing key', changed('system: chain\n', ''), '1:1: system is missing (must be a string)'],
    ['a number for a name', changed('chain', '3'), '1:9: system must be a string, but is 3'],
    ['a choice that is misspelt', changed('process', 'dockr'), '2:6: lab is "dockr"; did you mean docker?'],
    ['a choice of another type', `${soundSpec}gate: 3\n`, '8:7: gate is 3; valid are: smoke, quick, standard, soak'],
    [
      'a version that YAML reads as a number',
      changed('version: 1.0.0', 'version: 1.0'),
      '3:10: version must be a version in quotes or with two dots, as in 1.0.0, but is 1',
    ],
    [
      'a word for a number of nodes',
      changed('4', 'four'),
      '7:21: nodes.validator must be a number or a mapping, but is "four"',
    ],
    [
      'a broken number of nodes',
      changed('4', '1.5'),
      '7:21: nodes.validator must be a whole number or a mapping, but is 1.5',
    ],
    [
      'an empty override',
      `${soundSpec}overrides: { validator-1: }\n`,
      '8:27: overrides.validator-1 must be a mapping, but is null',
    ],
    ['a release without content', changed(one, ''), '5:10: releases.1.0.0 must be a mapping, but is null'],
    [
      'monitoring by half',
      `${soundSpec}monitoring: maybe\n`,
      '8:13: monitoring must be a boolean or a mapping, but is "maybe"',
    ],
    [
      'one rule file instead of a list',
      `${soundSpec}monitoring: { rules: x.yml }\n`,
      '8:22: monitoring.rules must be a list, but is "x.yml"',
    ],
    [
      'a name with capitals',
      `${soundSpec}overrides: { V_1: {} }\n`,
      /^8:14: V_1 is not a valid name: must be lower-case/,
    ],
    [
      'a digest that is too short',
      changed('one.mjs', 'one.mjs, digest: sha256:ab'),
      /^5:38: releases\.1\.0\.0\.digest: must be sha256: and 64/,
    ],
    ['an address that is a name', `${soundSpec}bind: localhost\n`, '8:7: bind: must be an IP address'],
    [
      'an environment value that is a number',
      `${soundSpec}overrides: { validator-1: { env: { A: 1 } } }\n`,
      '8:39: overrides.validator-1.env.A must be a string, but is 1',
    ],
  ])('%s', async (_what, text, expected) => {
    expect(await problemsOf(text)).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });

  test('all problems of a file are told at once', async () => {
    const text = `${changed('process', 'dockr')}gate: smok\nmontoring: true\n`;
    const problems = await problemsOf(text);
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).toMatch(/dockr[^]*smok[^]*montoring/);
  });
});

describe('limits of counts', () => {
  test.each([
    ['more than 50 of one role', changed('4', '51'), '7:21: nodes.validator must be at most 50, but is 51'],
    ['fewer than none', changed('4', '-1'), '7:21: nodes.validator must be at least 0, but is -1'],
    ['more than 50 in all', changed(four, '{ validator: 30, follower: 21 }'), '7:8: 51 nodes; the most is 50'],
    ['none at all', changed('4', '0'), '7:8: the testnet has no nodes'],
    ['negative load', `${soundSpec}load: { perSecond: -2 }\n`, '8:20: load.perSecond must be at least 0, but is -2'],
  ])('%s', async (_what, text, expected) => {
    expect(await problemsOf(text)).toEqual([expected]);
  });

  test('50 nodes are taken', async () => {
    await expect(problemsOf(changed('4', '50'))).rejects.toThrow('the text has no problem');
  });
});

describe('references that do not hold', () => {
  test.each([
    [
      'the release of the testnet',
      changed('version: 1.0.0', 'version: 1.0.1'),
      /^3:10: unknown release 1\.0\.1; did you mean 1\.[01]\.0\?/,
    ],
    [
      'the release of a role',
      changed(four, '{ validator: { version: 1.1.9 } }'),
      '7:32: unknown release 1.1.9; did you mean 1.1.0?',
    ],
    [
      'the release of a node',
      `${soundSpec}overrides: { validator-1: { version: 2 } }\n`,
      /^8:38: overrides\.validator-1\.version must be a version/,
    ],
    [
      'an unknown release of a node',
      `${soundSpec}overrides: { validator-1: { version: 1.1.1 } }\n`,
      '8:38: unknown release 1.1.1; did you mean 1.1.0?',
    ],
    ['a role', changed('validator', 'validater'), '7:10: chain has no role validater; did you mean validator?'],
    [
      'a node',
      `${soundSpec}overrides: { validator-7: {} }\n`,
      '8:14: there is no node validator-7; did you mean validator-0?',
    ],
    [
      'a release named like what every object has',
      changed('version: 1.0.0', 'version: toString'),
      '3:10: unknown release toString; valid are: 1.0.0, 1.1.0',
    ],
    [
      'a role named like what every object has',
      changed('validator', 'constructor'),
      '7:10: chain has no role constructor; valid are: validator, follower',
    ],
  ])('%s', async (_what, text, expected) => {
    expect(await problemsOf(text)).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });
});

describe('settings that the process lab cannot honour are refused, not ignored', () => {
  test.each([
    [
      'an image',
      changed(one, '{ image: chain:1 }'),
      /^5:10: release 1\.0\.0 is an image, which the process lab cannot run/,
    ],
    [
      'a dockerfile',
      changed(one, '{ build: { context: ., dockerfile: Dockerfile } }'),
      /^5:10: release 1\.0\.0 is an image/,
    ],
    [
      'a build that the system does not know',
      changed(one, '{ build: { context: . } }'),
      /^5:10: the system chain does not say how a program is built/,
    ],
    ['monitoring', `${soundSpec}monitoring: true\n`, /^8:1: monitoring runs in containers/],
    [
      'a memory limit of a node',
      `${soundSpec}overrides: { validator-0: { memoryMb: 64 } }\n`,
      /^8:29: the process lab sets no limits; remove memoryMb/,
    ],
    [
      'a CPU limit of a role',
      changed(four, '{ validator: { count: 4, cpus: 1 } }'),
      /^7:33: the process lab sets no limits; remove cpus/,
    ],
    ['another address', `${soundSpec}bind: 0.0.0.0\n`, /^8:7: nodes on the process lab listen on 127\.0\.0\.1 alone/],
  ])('%s', async (_what, text, expected) => {
    expect(await problemsOf(text)).toEqual([expect.stringMatching(expected)]);
  });

  test('links are refused on a container lab, and stand on the process lab', async () => {
    const text = changed('process', 'docker').replace(one, '{ image: chain:1 }');
    expect(await problemsOf(`${text}links: proxy\n`)).toEqual([
      expect.stringMatching(/^8:1: links are those of the process lab/),
    ]);
    expect((await loadText(`${soundSpec}links: direct\n`)).spec.links).toBe('direct');
  });

  test('on a container lab the same settings stand', async () => {
    const text = `${changed('process', 'docker').replace(one, '{ image: chain:1 }')}monitoring: true
bind: 0.0.0.0
overrides: { validator-0: { memoryMb: 64, cpus: 0.5 } }
`;
    await expect(problemsOf(text, plainProfile)).rejects.toThrow('the text has no problem');
  });
});

describe('the file itself', () => {
  test('a problem is written as file:line:column: message', async () => {
    const file = await loadText(`${soundSpec}montoring: true\n`).then(
      () => '',
      (error: unknown) => (error as SpecError).message,
    );
    expect(file).toMatch(/^\/.+\/net\.yaml:8:1: unknown key montoring; did you mean monitoring\?$/);
  });

  test('a file that is not there is named, with the one beside it that is most like it', async () => {
    const file = join(await temporaryFolder(), 'nothing.yaml');
    await expect(loadTestnetFile(file)).rejects.toThrow(`${file}: there is no such file`);
    await writeFile(join(dirname(file), 'locale.yaml'), '');
    await expect(loadTestnetFile(join(dirname(file), 'local.yaml'))).rejects.toThrow('did you mean locale.yaml?');
  });

  test('a folder in the place of a file cannot be read', async () => {
    const file = join(await temporaryFolder(), 'net.yaml');
    await mkdir(file);
    await expect(loadTestnetFile(file)).rejects.toThrow(`${file}: the file cannot be read`);
  });

  test('its name must be one that can be a testnet’s', async () => {
    await expect(loadText(soundSpec, 'My_Net.yaml')).rejects.toThrow(/is named like its testnet: lower-case letters/);
  });
});
