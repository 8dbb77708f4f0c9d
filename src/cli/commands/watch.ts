import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { isErrno, readJsonFile } from '../../core/files.ts';
import { isAlive } from '../../core/process-identity.ts';
import type { LockOwner } from '../../engine/lock.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { JournalTail } from '../../journal/journal-tail.ts';
import { runFolder } from '../../journal/run-files.ts';
import { lookAtNodes } from '../node-look.ts';
import { print } from '../output.ts';
import { openDeployed, type DeployedTestnet } from '../testnet.ts';
import { changedLines, renderFrame, type Frame } from '../watch/frame.ts';
import { RunViewBuilder } from '../watch/run-view.ts';

const intervalMs = 1_000;

export interface WatchOptions {
  once?: boolean;
  /** Seconds. */
  for?: number;
}

/**
 * `seatrial watch <testnet>`: nodes and the newest run, looked at once a second, while whoever else works on the testnet. On a terminal a live
 * view that q or Ctrl-C leaves; elsewhere a line for each change. It changes nothing and takes no lock.
 */
export async function watch(name: string, options: WatchOptions): Promise<void> {
  const testnet = await openDeployed(name);
  try {
    const look = createLook(testnet);
    if (options.once) {
      print(renderFrame(await look(), { columns: process.stdout.columns || 200, rows: 200 }).join('\n'));
      return;
    }
    const stop = new AbortController();
    const leave = (): void => stop.abort();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, leave);
    const screen = await openScreen(leave);
    try {
      await follow(look, screen.show, options.for === undefined ? Infinity : options.for * 1000, stop.signal);
    } finally {
      screen.close();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, leave);
    }
  } finally {
    await testnet.lab.close();
  }
}

async function follow(
  look: () => Promise<Frame>,
  show: (frame: Frame) => void,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const startMs = systemClock.monotonicMs();
  while (!signal.aborted) {
    const beganMs = systemClock.monotonicMs();
    const frame = await look();
    if (signal.aborted) return;
    show(frame);
    const nowMs = systemClock.monotonicMs();
    const leftMs = limitMs - (nowMs - startMs);
    if (leftMs <= 0) return;
    const pauseMs = Math.max(100, intervalMs - (nowMs - beganMs));
    await systemClock.sleep(Math.min(pauseMs, leftMs), signal).catch(() => undefined);
  }
}

/** One look at the nodes, the newest run and whoever changes the testnet. */
function createLook(testnet: DeployedTestnet): () => Promise<Frame> {
  const { stateDir, testnet: name } = testnet.topology;
  const transport = httpTransport(systemClock);
  let followed: { runId: string; tail: JournalTail; builder: RunViewBuilder } | undefined;
  return async () => {
    const runId = await newestRun(stateDir);
    if (runId !== undefined && runId !== followed?.runId)
      followed = { runId, tail: new JournalTail(runFolder(stateDir, runId)), builder: new RunViewBuilder() };
    const [nodes, records, owner] = await Promise.all([
      lookAtNodes(testnet, transport),
      followed?.tail.read() ?? [],
      ownerOf(stateDir),
    ]);
    for (const record of records) followed?.builder.add(record);
    return { testnet: name, nowMs: systemClock.wallMs(), nodes, run: followed?.builder.view, owner };
  };
}

/** Ids sort by time. */
async function newestRun(stateDir: string): Promise<string | undefined> {
  try {
    return (await readdir(join(stateDir, 'runs'))).sort().at(-1);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function ownerOf(stateDir: string): Promise<string | undefined> {
  const owner = await readJsonFile<LockOwner>(join(stateDir, 'lock.json')).catch(() => undefined);
  return owner && (await isAlive(owner)) ? `${owner.purpose} (pid ${owner.pid})` : undefined;
}

interface Screen {
  show(frame: Frame): void;
  /** Leaves the terminal as it was. */
  close(): void;
}

/** A live view on a terminal that can be drawn on; elsewhere lines. */
async function openScreen(leave: () => void): Promise<Screen> {
  const { stdout, stdin } = process;
  const canDraw = stdout.isTTY && stdout.columns > 0 && process.env.TERM !== 'dumb';
  if (!canDraw) {
    let last: Frame | undefined;
    return {
      show(frame) {
        for (const line of changedLines(last, frame)) print(line);
        last = frame;
      },
      close: () => undefined,
    };
  }
  const { createLogUpdate } = await import('log-update');
  const draw = createLogUpdate(stdout);
  const hasKeys = stdin.isTTY;
  const hint = hasKeys ? 'q leaves' : 'Ctrl-C leaves';
  let last: Frame | undefined;
  const show = (frame: Frame): void => {
    last = frame;
    draw(renderFrame({ ...frame, hint }, { columns: stdout.columns, rows: stdout.rows }).join('\n'));
  };
  const onResize = (): void => {
    draw.clear();
    if (last) show(last);
  };
  // In raw mode Ctrl-C is a key like any other.
  const onKey = (key: Buffer): void => {
    if (['q', 'Q', '\u0003', '\u001b'].includes(key.toString())) leave();
  };
  stdout.on('resize', onResize);
  if (hasKeys) stdin.setRawMode(true).resume().on('data', onKey);
  return {
    show,
    close() {
      stdout.off('resize', onResize);
      if (hasKeys) stdin.off('data', onKey).setRawMode(false).pause();
      draw.done();
    },
  };
}
