import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { AbortedError, LabError } from '../../../src/core/errors.ts';
import { waitFor } from '../../../src/core/wait.ts';
import type { Lab, LogLine, NodeObservation } from '../../../src/lab/lab.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';

/** Names of the nodes that the contract asks of a lab; see `test/fixtures/sample-node/sample-node.mjs` for what they run. */
export const contractNodes = {
  /** Ends on SIGTERM. Port "http", 30 log lines at start. */
  obedient: 'obedient-0',
  /** Goes on after SIGTERM; its grace is `STUBBORN_GRACE_MS`. */
  stubborn: 'stubborn-0',
  /** In the topology, but never created. */
  missing: 'missing-0',
  /** In the topology; `create` is not called for it, but `createForeign` may take its name. */
  foreign: 'foreign-0',
} as const;

export const STUBBORN_GRACE_MS = 700;
export const LINES_AT_START = 30;

export interface LabUnderTest {
  lab: Lab;
  topology: Topology;
  /** Makes the node from its definition and starts it. */
  create(node: TopologyNode): Promise<void>;
  /** Lets something that the lab did not make hold the node's name. Absent where names cannot be held. */
  createForeign?(node: TopologyNode): Promise<void>;
  /** What the foreign object's start says, to prove that it was left alone. Needed with `createForeign`. */
  foreignIsUntouched?(node: TopologyNode): Promise<boolean>;
  /** Suspends the node from outside. Absent where the lab has no such state. */
  pause?(node: TopologyNode): Promise<void>;
  /** What `identity.digest` must be for a node. */
  digestOf(node: TopologyNode): string;
  /** Whether commands can be run beside a node (`exec`), with `sh` and the usual tools. Default true. */
  canExec?: boolean;
  /** Whether the sample program really serves HTTP. Default true. */
  canServe?: boolean;
  /** Removes everything. */
  dispose(): Promise<void>;
}

const WAIT_MS = 15_000;

async function linesOf(stream: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of stream) lines.push(line);
  return lines;
}

/** One suite for every lab: what the port promises, each method, on something that really runs. */
export function labContract(name: string, makeLab: () => Promise<LabUnderTest>): void {
  describe(`lab contract: ${name}`, { timeout: 60_000 }, () => {
    let subject: LabUnderTest;
    let obedient: TopologyNode;
    let stubborn: TopologyNode;

    const node = (wanted: string): TopologyNode => {
      const found = subject.topology.nodes.find((candidate) => candidate.name === wanted);
      if (!found) throw new Error(`the lab under test has no node ${wanted}`);
      return found;
    };
    const identityOf = (observation: NodeObservation): NonNullable<NodeObservation['identity']> => {
      if (!observation.identity) throw new Error(`${observation.node} is ${observation.state}, without an identity`);
      return observation.identity;
    };
    const running = async (target: TopologyNode): Promise<NonNullable<NodeObservation['identity']>> => {
      await subject.lab.start(target);
      return identityOf(await subject.lab.observe(target));
    };
    /** Started, and where something really listens: listening, with its signal handlers in place. */
    const ready = async (target: TopologyNode): Promise<NonNullable<NodeObservation['identity']>> => {
      const identity = await running(target);
      if (subject.canServe !== false) await getJson(subject.lab.endpoint(target, 'http'), '/health');
      return identity;
    };
    const countLogged = async (target: TopologyNode, text: string): Promise<number> =>
      (await subject.lab.logs(target, { tail: 5000 })).filter((line) => line.text.includes(text)).length;
    /** Does something and waits until the node has logged the text once more than before. */
    const untilLogged = async (target: TopologyNode, text: string, act: () => Promise<unknown>): Promise<void> => {
      const before = await countLogged(target, text);
      await act();
      await waitFor(async () => ((await countLogged(target, text)) > before ? true : undefined), {
        clock: systemClock,
        what: `${target.name} to log "${text}" once more`,
        timeoutMs: WAIT_MS,
      });
    };

    beforeAll(async () => {
      subject = await makeLab();
      obedient = node(contractNodes.obedient);
      stubborn = node(contractNodes.stubborn);
      await subject.create(obedient);
      await subject.create(stubborn);
      await ready(obedient);
      await ready(stubborn);
    }, 120_000);

    afterAll(async () => {
      await subject.lab.close();
      await subject.dispose();
    }, 60_000);

    test('a node that was created is observed running, with the identity of what really runs', async () => {
      const observation = await subject.lab.observe(obedient);
      expect(observation).toMatchObject({ node: obedient.name, state: 'running' });
      const identity = identityOf(observation);
      expect(identity.digest).toBe(subject.digestOf(obedient));
      expect(identity.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(identity.generation).toBe(obedient.generation);
      expect(identity.command.slice(-4)).toEqual(obedient.command.slice(-4));
      expect(Math.abs(identity.startedAtMs - systemClock.wallMs())).toBeLessThan(120_000);
      expect(identity.instance).not.toBe('');
    });

    test('starting a running node changes nothing', async () => {
      const before = await running(obedient);
      await subject.lab.start(obedient);
      expect(identityOf(await subject.lab.observe(obedient)).instance).toBe(before.instance);
    });

    test('a stopped node is gone when stop returns; stopping it again succeeds', async () => {
      await ready(obedient);
      await untilLogged(obedient, 'got SIGTERM', () => subject.lab.stop(obedient));
      const observation = await subject.lab.observe(obedient);
      expect(observation.state).toBe('stopped');
      expect(observation.identity).toBeUndefined();
      await subject.lab.stop(obedient);
      expect((await subject.lab.observe(obedient)).state).toBe('stopped');
    });

    test('each start gives a new instance of the same program', async () => {
      const before = await ready(obedient);
      await subject.lab.stop(obedient);
      const after = await ready(obedient);
      expect(after.instance).not.toBe(before.instance);
      expect(after.startedAtMs).toBeGreaterThan(before.startedAtMs);
      expect(after).toMatchObject({
        digest: before.digest,
        command: before.command,
        generation: before.generation,
      });
    });

    test('a node that ignores its stop signal is killed after its grace, not before', async () => {
      await ready(stubborn);
      const startMs = systemClock.monotonicMs();
      await subject.lab.stop(stubborn);
      const elapsedMs = systemClock.monotonicMs() - startMs;
      expect((await subject.lab.observe(stubborn)).state).toBe('stopped');
      if (subject.canServe !== false) expect(elapsedMs).toBeGreaterThanOrEqual(STUBBORN_GRACE_MS - 50);
      expect(elapsedMs).toBeLessThan(STUBBORN_GRACE_MS + 10_000);
    });

    test('a signal reaches the program, and cannot be sent to a stopped node', async () => {
      await ready(obedient);
      await untilLogged(obedient, 'got SIGUSR2', () => subject.lab.signal(obedient, 'SIGUSR2'));
      await subject.lab.stop(obedient);
      await expect(subject.lab.signal(obedient, 'SIGUSR2')).rejects.toThrow(LabError);
      await expect(subject.lab.signal(obedient, 'SIGUSR2')).rejects.toThrow(obedient.name);
    });

    test('logs come oldest first, at most `tail` of them, the newest', async () => {
      await ready(obedient);
      await subject.lab.stop(obedient);
      await untilLogged(obedient, 'ready', () => ready(obedient));
      const lines = await subject.lab.logs(obedient, { tail: 11 });
      const expected = Array.from({ length: 10 }, (_, index) => `line ${LINES_AT_START - 9 + index}`);
      expect(lines.slice(0, 10).map((line) => line.text)).toEqual(expected);
      expect(lines).toHaveLength(11);
      expect(lines.every((line) => line.node === obedient.name)).toBe(true);
      const times = lines.flatMap((line) => line.atMs ?? []);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    });

    test('logs since a time leave out what is older', async ({ skip }) => {
      await ready(obedient);
      await subject.lab.stop(obedient);
      await untilLogged(obedient, 'ready', () => ready(obedient));
      const all = await subject.lab.logs(obedient, { tail: 5000 });
      const times = all.flatMap((line) => line.atMs ?? []);
      if (times.length < all.length) skip('this lab does not know when each line was written');
      const sinceMs = Math.max(...times);
      const recent = await subject.lab.logs(obedient, { tail: 5000, sinceMs });
      expect(recent).toEqual(all.filter((line) => (line.atMs ?? 0) >= sinceMs));
    });

    test('a stream of the log gives every line in its order, or the newest, and ends', async () => {
      await ready(obedient);
      const all = await subject.lab.logs(obedient, { tail: 5000 });
      expect(all.length).toBeGreaterThan(LINES_AT_START);
      expect(await linesOf(subject.lab.streamLogs(obedient))).toEqual(all);
      expect(await linesOf(subject.lab.streamLogs(obedient, { tail: 3 }))).toEqual(all.slice(-3));
    });

    test('a stream that is followed goes on over a restart, until it is cancelled', async () => {
      await ready(obedient);
      const abort = new AbortController();
      const lines: string[] = [];
      const following = (async () => {
        for await (const { text } of subject.lab.streamLogs(obedient, {
          tail: 1,
          follow: true,
          signal: abort.signal,
        })) {
          lines.push(text);
        }
      })().catch((error: unknown) => error);
      const has = (count: number) => (): Promise<true | undefined> =>
        Promise.resolve(lines.length >= count ? true : undefined);
      const wait = (count: number) =>
        waitFor(has(count), { clock: systemClock, what: `${count} lines`, timeoutMs: WAIT_MS });
      await wait(1);
      await subject.lab.stop(obedient);
      await ready(obedient);
      // What a start logs, and before that perhaps a word of the stop.
      await wait(1 + LINES_AT_START + 1);
      abort.abort();
      expect(await following).toMatchObject({ code: 'aborted' });
      expect(lines.filter((text) => text === 'line 1')).toHaveLength(1);
      expect(lines.indexOf(`line ${LINES_AT_START}`) - lines.indexOf('line 1')).toBe(LINES_AT_START - 1);
    });

    test('a command beside the node gives its exit code and both outputs', async ({ skip }) => {
      if (subject.canExec === false) skip('this lab runs no commands');
      await running(obedient);
      const result = await subject.lab.exec(obedient, ['sh', '-c', 'echo out; echo err >&2; exit 7']);
      expect(result).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    });

    test('a command’s output is capped at 1 MiB', async ({ skip }) => {
      if (subject.canExec === false) skip('this lab runs no commands');
      await running(obedient);
      const result = await subject.lab.exec(obedient, ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
      expect(result.stdout).toHaveLength(1024 * 1024);
    });

    test('a command that overruns its time is ended and reported', async ({ skip }) => {
      if (subject.canExec === false) skip('this lab runs no commands');
      await running(obedient);
      const startMs = systemClock.monotonicMs();
      const command = ['sh', '-c', 'sleep 2.7; echo late > "$1/late"', 'sh', obedient.dataDir];
      const failure = await subject.lab.exec(obedient, command, { timeoutMs: 500 }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LabError);
      expect(String(failure)).toMatch(/500 ms/);
      expect(systemClock.monotonicMs() - startMs).toBeLessThan(2500);
      await systemClock.sleep(3000);
      const late = await subject.lab.exec(obedient, ['sh', '-c', 'cat "$1/late"', 'sh', obedient.dataDir]);
      expect(late.exitCode).not.toBe(0);
    });

    test('its port is reached at the endpoint, and an unknown port is refused by name', async ({ skip }) => {
      expect(() => subject.lab.endpoint(obedient, 'nope')).toThrow(/nope/);
      const url = subject.lab.endpoint(obedient, 'http');
      expect(url).toMatch(/^http:\/\/[^/]+:\d+$/);
      if (subject.canServe === false) skip('nothing really listens on this lab');
      await running(obedient);
      expect(await getJson(url, '/health')).toEqual({ ok: true });
    });

    test('wipe is refused while the node runs; it empties the data and keeps the definition', async ({ skip }) => {
      const before = await ready(obedient);
      await expect(subject.lab.wipe(obedient)).rejects.toThrow(LabError);
      await subject.lab.stop(obedient);
      await subject.lab.wipe(obedient);
      await subject.lab.wipe(obedient);
      const after = await ready(obedient);
      expect(after).toMatchObject({ digest: before.digest, generation: before.generation, command: before.command });
      if (subject.canServe === false) skip('nothing really keeps data on this lab');
      expect(await getJson(subject.lab.endpoint(obedient, 'http'), '/starts')).toEqual({ starts: 1 });
    });

    test('data outlives a stop and a start', async ({ skip }) => {
      if (subject.canServe === false) skip('nothing really keeps data on this lab');
      await subject.lab.stop(obedient);
      await subject.lab.wipe(obedient);
      await ready(obedient);
      await subject.lab.stop(obedient);
      await ready(obedient);
      expect(await getJson(subject.lab.endpoint(obedient, 'http'), '/starts')).toEqual({ starts: 2 });
    });

    test('a node that was never made is observed absent, and acting on it names it', async () => {
      const missing = node(contractNodes.missing);
      expect(await subject.lab.observe(missing)).toMatchObject({ node: missing.name, state: 'absent' });
      await expect(subject.lab.start(missing)).rejects.toThrow(LabError);
      await expect(subject.lab.start(missing)).rejects.toThrow(missing.name);
      await expect(subject.lab.wipe(missing)).rejects.toThrow(missing.name);
    });

    test('what somebody else made under a node’s name is observed foreign and never touched', async ({ skip }) => {
      if (!subject.createForeign) skip('names cannot be held on this lab');
      const foreign = node(contractNodes.foreign);
      await subject.createForeign?.(foreign);
      const observation = await subject.lab.observe(foreign);
      expect(observation.state).toBe('foreign');
      expect(observation.detail).not.toBe(undefined);
      await expect(subject.lab.stop(foreign)).rejects.toThrow(LabError);
      await expect(subject.lab.signal(foreign, 'SIGKILL')).rejects.toThrow(LabError);
      await expect(subject.lab.wipe(foreign)).rejects.toThrow(LabError);
      expect(await subject.foreignIsUntouched?.(foreign)).toBe(true);
    });

    test('a suspended node is observed paused, goes on with start, and can be stopped', async ({ skip }) => {
      if (!subject.pause) skip('this lab has no paused state');
      const before = await ready(obedient);
      await subject.pause?.(obedient);
      const paused = await subject.lab.observe(obedient);
      expect(paused.state).toBe('paused');
      expect(identityOf(paused).instance).toBe(before.instance);
      await subject.lab.start(obedient);
      expect((await subject.lab.observe(obedient)).state).toBe('running');
      await subject.pause?.(obedient);
      await subject.lab.stop(obedient);
      expect((await subject.lab.observe(obedient)).state).toBe('stopped');
    });

    test('a call whose signal is aborted beforehand does nothing', async () => {
      const before = await running(obedient);
      const signal = AbortSignal.abort();
      await expect(subject.lab.stop(obedient, { signal })).rejects.toThrow(AbortedError);
      await expect(subject.lab.observe(obedient, { signal })).rejects.toThrow(AbortedError);
      expect(identityOf(await subject.lab.observe(obedient)).instance).toBe(before.instance);
    });

    test('a stop that waits for the grace to pass ends as soon as its signal is aborted', async ({ skip }) => {
      if (subject.canServe === false) skip('waits take no time on this lab');
      await ready(stubborn);
      const patient = { ...stubborn, stop: { ...stubborn.stop, graceMs: 30_000 } };
      const controller = new AbortController();
      let stop: Promise<unknown> = Promise.resolve();
      await untilLogged(stubborn, 'got SIGTERM', async () => {
        stop = subject.lab.stop(patient, { signal: controller.signal }).catch((error: unknown) => error);
      });
      const startMs = systemClock.monotonicMs();
      controller.abort();
      expect(await stop).toBeInstanceOf(AbortedError);
      expect(systemClock.monotonicMs() - startMs).toBeLessThan(2000);
      await subject.lab.stop(stubborn);
    });
  });
}

/** Asks until the program answers: the port is there before the program listens. */
async function getJson(url: string, path: string): Promise<unknown> {
  return waitFor(async () => (await fetch(`${url}${path}`, { signal: AbortSignal.timeout(2000) })).json(), {
    clock: systemClock,
    what: `${url}${path} to answer`,
    timeoutMs: WAIT_MS,
  });
}
