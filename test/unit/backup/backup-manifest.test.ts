import { expect, test } from 'vitest';
import {
  heightOf,
  manifestText,
  objectsOf,
  parseManifest,
  type BackupManifest,
} from '../../../src/backup/backup-manifest.ts';
import { RefusedError } from '../../../src/core/errors.ts';

const object = (path: string) => ({ path, sizeBytes: 3, sha256: 'a'.repeat(64) });

const sample: BackupManifest = {
  formatVersion: 1,
  id: '20260101-000000-abcd',
  testnet: 'local',
  system: 'sample',
  lab: 'process',
  createdAt: '2026-01-01T00:00:00.000Z',
  nodes: ['a', 'b'].map((node, index) => ({
    node,
    votingPower: 1,
    version: '1.0.0',
    digest: `sha256:${'b'.repeat(64)}`,
    height: 10 + index,
    hashes: { block: 'x' },
    createdAt: '2026-01-01T00:00:00.000Z',
    archive: object(`nodes/${node}/data.tar.gz`),
    listing: object(`nodes/${node}/manifest.json`),
  })),
  rebuild: {
    spec: object('rebuild/testnet.yaml'),
    allocation: object('rebuild/allocation.json'),
    desired: object('rebuild/desired.json'),
    releases: [{ version: '1.0.0', kind: 'program', digest: 'sha256:0', program: object('rebuild/programs/0') }],
    secrets: object('rebuild/secrets.tar.age'),
  },
};

test('a manifest is read back as it was written, with all objects that it names', () => {
  expect(parseManifest(manifestText(sample), sample.id)).toEqual(sample);
  expect(objectsOf(sample)).toHaveLength(9);
  expect(objectsOf(sample, ['b']).map(({ path }) => path)).toEqual(['nodes/b/data.tar.gz', 'nodes/b/manifest.json']);
  expect(heightOf(sample)).toBe(11);
});

test('any one digit that was changed is noticed, wherever it is', () => {
  const text = manifestText(sample);
  const digits = [...text.matchAll(/\d/g)].map(({ index }) => index);
  expect(digits.length).toBeGreaterThan(50);
  for (const index of digits) {
    const changed = `${text.slice(0, index)}${(Number(text[index]) + 1) % 10}${text.slice(index + 1)}`;
    expect(() => parseManifest(changed, sample.id), `digit ${index}`).toThrow(RefusedError);
  }
});

test('a manifest that was cut off, of a later format, or that names a path outside is refused, each with its reason', () => {
  expect(() => parseManifest(manifestText(sample).slice(0, -20), sample.id)).toThrow(/is damaged/);
  const later = manifestText({ ...sample, formatVersion: 2 as 1 });
  expect(() => parseManifest(later, sample.id)).toThrow(/format 2 is of a later version/);
  for (const path of ['../../etc/passwd', '/etc/passwd', 'nodes/../../x', 'nodes//x', '']) {
    const [first, ...rest] = sample.nodes;
    if (!first) throw new Error('the sample has nodes');
    const outside = { ...sample, nodes: [{ ...first, archive: { ...first.archive, path } }, ...rest] };
    expect(() => parseManifest(manifestText(outside), sample.id), path).toThrow(/is damaged/);
  }
});
