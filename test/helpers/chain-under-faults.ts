import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';
import type { Topology } from '../../src/topology/topology.ts';

/** Lets the chain of a fake world obey its faults: who reaches too few stands still, and fetches what it missed when it is back. */
export function chainUnderFaults(topology: Topology, lab: FakeLab): { settle(): void; peersOf(name: string): number } {
  const names = topology.nodes.map(({ name }) => name);
  /** Nodes that stood still, and their speed before. */
  const behind = new Set<string>();
  const speeds = new Map<string, number>();
  const { world } = lab;
  const isUp = (name: string): boolean => world.isAlive(name) && world.nodes.get(name)?.isPaused !== true;
  const reaches = (a: string, b: string): boolean => world.faults.passes(a, b) && world.faults.passes(b, a);
  const peers = (name: string): string[] =>
    names.filter((other) => other !== name && isUp(other) && reaches(name, other));
  return {
    settle() {
      if (behind.size === 0 && world.faults.all().length === 0) return;
      for (const name of names) {
        const goesOn = isUp(name) && 3 * (peers(name).length + 1) > 2 * names.length;
        if (!goesOn) {
          behind.add(name);
          const speed = world.nodes.get(name)?.behaviour.blocksPerSecond ?? 1;
          if (!isUp(name) || speed === 0) continue;
          speeds.set(name, speed);
          world.change(name, { blocksPerSecond: 0 });
        } else if (behind.delete(name)) {
          const speed = speeds.get(name);
          if (speed !== undefined) world.change(name, { blocksPerSecond: speed });
          speeds.delete(name);
          const heights = names.flatMap((other) => world.heightOf(other) ?? []);
          if (heights.length > 0) world.setHeight(name, Math.max(...heights));
        }
      }
    },
    peersOf: (name) => peers(name).length,
  };
}
