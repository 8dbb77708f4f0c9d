import { Simulation } from './simulation.ts';

export const stormMs = 25_000;

/** Loss, delay, reordering, cut links and crashes for a while, then peace; the simulation itself checks safety all along. */
export function storm(seed: number, simulation = new Simulation(seed)): Simulation {
  const { random, chain } = simulation;
  const anyone = (): string => chain.ids[Math.floor(random() * chain.ids.length)] ?? '';
  simulation.weather = {
    loss: { proposal: random() * 0.3, prevote: random() * 0.3, precommit: random() * 0.8, other: random() * 0.9 },
    isolation: random() * 0.8,
    maxDelayMs: 5 + random() * random() * 400,
  };
  for (const id of chain.ids) simulation.boot(id);
  simulation.every(97, stormMs, () => simulation.submit(anyone(), `${simulation.now}`));
  simulation.every(3000, stormMs, () => {
    const chance = random();
    if (chance < 0.35) simulation.crash(anyone());
    else if (chance < 0.7) simulation.crashSoon(anyone());
  });
  simulation.every(300, stormMs, () => simulation.boot(anyone()));
  simulation.every(500, stormMs, () => {
    const victim = anyone();
    for (const other of chain.ids) if (random() < 0.6) simulation.cut.add(`${other}>${victim}`);
  });
  simulation.every(1400, stormMs, () => simulation.cut.clear());
  simulation.runUntil(stormMs);
  return simulation;
}
