import { beforeAll, expect, test } from 'vitest';
import { compareContract, type NodeContract } from '../../src/gates/contract/compare-contract.ts';
import { logContract } from '../../src/gates/contract/log-contract.ts';
import { metricsContract } from '../../src/gates/contract/metrics-contract.ts';
import type { GateProof } from '../../src/gates/prove/proof.ts';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;

beforeAll(async () => {
  await project.write(`system: reference
lab: process
version: 1.0.0
releases:
  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }
  1.1.0: { build: { context: ../node, args: { version: 1.1.0 } } }
nodes: { validator: 4 }
gate: smoke
`);
});

test('before the testnet is up, the linter says what it can and nothing can be proven', async () => {
  const lint = await project.seatrial('gates', 'lint', testnet);
  // A smoke gate is over before some of the critical alerts could fire: told, and no error.
  expect(lint.stdout).toMatch(/warning: .*RefchainHeightStalled: it fires after 15 s/);
  expect(lint.stdout).toMatch(
    /: 0 errors, \d+ warnings \(as written; nothing runs that names could be compared with\)$/,
  );
  expect(lint.exitCode).toBe(0);
  const prove = await project.seatrial('gates', 'prove', testnet);
  expect(prove.stderr).toContain(`${testnet} is not up`);
  expect(prove.exitCode).toBe(2);
});

test('every check turns in each of its bad worlds while the nodes go on undisturbed', async () => {
  await project.succeed('up', project.file);
  const before = await project.instances();
  const { exitCode, stdout } = await project.seatrial('gates', 'prove', testnet, '--json');
  const proof = JSON.parse(stdout) as GateProof;
  const open = proof.checks.filter(({ isProven }) => !isProven);
  expect([proof.reason, open]).toEqual([expect.stringMatching(/^\d+ checks turned in each/), []]);
  expect([proof.verdict, exitCode]).toEqual(['proven', 0]);
  expect(proof.checks.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['identity', 'liveness', 'progress', 'same-hash', 'quorum', 'http-errors', 'flap']),
  );
  for (const { worlds } of proof.checks) {
    expect(worlds.some(({ kind, outcome }) => kind === 'harm' && outcome === 'BAD')).toBe(true);
  }
  expect(Object.keys(before)).toHaveLength(4);
  expect(await project.instances()).toEqual(before);
});

test('people get a table of check, world, verdict and slots', async () => {
  const { stdout, exitCode } = await project.seatrial('gates', 'prove', testnet);
  expect(stdout).toMatch(/^CHECK +BAD WORLD +VERDICT +SLOTS +IT SAID$/m);
  expect(stdout).toMatch(/^identity +old-binary +BAD +1\/3 +\S/m);
  expect(stdout).toMatch(/^left out: .*mempool.* \(no Prometheus runs\)$/m);
  expect(stdout).toContain(`${testnet}: PROVEN with the gate smoke`);
  expect(exitCode).toBe(0);
});

test('the linter compares names with what the nodes expose', async () => {
  const { stdout, exitCode } = await project.seatrial('gates', 'lint', testnet);
  expect(stdout).toContain('0 errors');
  expect(stdout).toContain('(as written and on what runs)');
  expect(exitCode).toBe(0);
});

test('without a Prometheus there is no past to judge', async () => {
  const { exitCode, stderr } = await project.seatrial('gates', 'replay', testnet, '--from', '-5m', '--to', 'now');
  expect(stderr).toContain('has no Prometheus');
  expect(exitCode).toBe(2);
});

test('a time that is none is wrong use', async () => {
  const { exitCode, stderr } = await project.seatrial('gates', 'replay', testnet, '--from', 'noon', '--to', 'now');
  expect(stderr).toContain('noon is no time');
  expect(exitCode).toBe(2);
});

test('a release of the reference chain keeps what the one before promised', async () => {
  const before = await contractOf('validator-0');
  await project.succeed('run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0', '--set', 'nodes=validator-0');
  const after = await contractOf('validator-0');
  expect(Object.keys(before.families ?? {}).length).toBeGreaterThan(10);
  expect(before.log?.isJson).toBe(true);
  expect(compareContract(before, after).changes).toEqual([]);
  const withoutHeight = Object.entries(after.families ?? {}).filter(([name]) => name !== 'refchain_height');
  expect(compareContract(before, { ...after, families: Object.fromEntries(withoutHeight) }).changes).toMatchObject([
    { kind: 'family-lost', name: 'refchain_height' },
  ]);
});

test('on a testnet with a dead node nothing can be shown', async () => {
  await project.crash('validator-3');
  const { exitCode, stdout } = await project.seatrial('gates', 'prove', testnet);
  expect(stdout).toMatch(/INCONCLUSIVE .*the testnet as it is does not pass its gate.*validator-3/);
  expect(exitCode).toBe(3);
});

async function contractOf(name: string): Promise<NodeContract> {
  const { nodes } = await project.json<{ nodes: { name: string; endpoints: { http: string } }[] }>('status', testnet);
  const endpoint = nodes.find((node) => node.name === name)?.endpoints.http ?? '';
  const page = await (await fetch(`${endpoint}/metrics`)).text();
  const { lines } = await project.json<{ lines: { text: string }[] }>('logs', testnet, name);
  const log = logContract(lines.map(({ text }) => text));
  return { families: metricsContract(page), ...(log && { log }) };
}
