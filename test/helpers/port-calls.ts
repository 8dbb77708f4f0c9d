import type { Deployer } from '../../src/engine/deployer.ts';
import type { RunInputs } from '../../src/engine/run-context.ts';
import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';
import type { RunWorld, UpgradeOptions } from './run-world.ts';

/** The ports that a run acts and looks through. */
export type Port = 'lab' | 'deployer' | 'transport';

export interface CountedRun {
  inputs: RunInputs;
  /** Calls so far, by port. */
  counts: Record<Port, number>;
}

/**
 * What a run is executed with, where each call of a port is told with its number, from 0, before it is made. A deployer's hooks count as
 * calls of it: each is a moment at which it has come somewhere.
 */
export async function countedInputs(
  world: RunWorld,
  options: UpgradeOptions,
  onCall: (port: Port, number: number, name: string) => void,
): Promise<CountedRun> {
  const counts: Record<Port, number> = { lab: 0, deployer: 0, transport: 0 };
  const tell = (port: Port, name: string): void => onCall(port, counts[port]++, name);
  const told =
    <A extends unknown[], R>(port: Port, name: string, call: (...args: A) => R) =>
    (...args: A): R => {
      tell(port, name);
      return call(...args);
    };
  const inputs = await world.inputs({
    ...options,
    lab: (plain): FakeLab => ({
      ...plain,
      launch: told('lab', 'launch', plain.launch),
      start: told('lab', 'start', plain.start),
      stop: told('lab', 'stop', plain.stop),
      signal: told('lab', 'signal', plain.signal),
      exec: told('lab', 'exec', plain.exec),
      observe: told('lab', 'observe', plain.observe),
      logs: told('lab', 'logs', plain.logs),
      list: told('lab', 'list', plain.list),
    }),
    deployer: (plain): Deployer => ({
      ...plain,
      preview: told('deployer', 'preview', plain.preview),
      roll: (stage, hooks, signal) => {
        tell('deployer', 'roll');
        const toldHooks = {
          before: told('deployer', 'before', hooks.before),
          after: told('deployer', 'after', hooks.after),
          afterCreated: told('deployer', 'afterCreated', hooks.afterCreated),
          isProven: told('deployer', 'isProven', hooks.isProven),
        };
        return plain.roll(stage, toldHooks, signal);
      },
    }),
  });
  const { transport } = inputs;
  if (!transport) throw new Error('the world has no transport');
  return { inputs: { ...inputs, transport: told('transport', 'request', transport) }, counts };
}
