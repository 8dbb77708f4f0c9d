import { seededRandom } from '../../../../src/core/seeded-random.ts';
import {
  comparisonBins,
  type ComparisonBin,
  type ExposureSample,
} from '../../../../src/gates/canary/comparison-bins.ts';
import { episodesOf, type ErrorEvent } from '../../../../src/gates/canary/episodes.ts';
import { nodeNames } from './worlds.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const binMs = 30 * minuteMs;

/** Nodes that err in incidents: some short, some of many minutes with errors all the time. The canary is the first. */
export interface IncidentWorld {
  nodes: number;
  /** Incidents per node and hour. */
  perHour?: number;
  /** Mean length of an incident in minutes. */
  meanMinutes?: number;
  /** The canary's incidents are always so many times as frequent. */
  slowness?: number;
  /** Incidents per hour that all nodes have at the same time. */
  commonPerHour?: number;
  /** Requests in half an hour by node; default 1 000 each. Incidents come in proportion. */
  exposure?: readonly number[];
  /** The network's errors swing by this share over a day. */
  dailySwing?: number;
}

export const incidentWorlds: Record<string, Omit<IncidentWorld, 'nodes'>> = {
  'single errors': { meanMinutes: 0 },
  'incidents of several minutes': { meanMinutes: 4 },
  'a canary that is always the worst': { slowness: 4, meanMinutes: 1 },
  'bursts that hit every node': { commonPerHour: 1, meanMinutes: 2 },
  'unequal exposure': { exposure: [200, 1000, 3000, 500, 1500] },
  'all of these at once': {
    meanMinutes: 3,
    slowness: 3,
    commonPerHour: 0.5,
    exposure: [600, 1000, 2000, 500, 1500],
    dailySwing: 0.8,
  },
};

/** `harm` multiplies the canary's own incidents. */
export function comparedIn(world: IncidentWorld, hours: number, seed: number, harm = 1): ComparisonBin[] {
  const { perHour = 0.5, meanMinutes = 0, slowness = 1, commonPerHour = 0, exposure = [], dailySwing = 0 } = world;
  const random = seededRandom(seed, 2);
  const names = nodeNames(world.nodes);
  const events: ErrorEvent[] = [];
  const addIncident = (nodes: readonly string[], fromMs: number) => {
    const lastMs = fromMs - Math.log(1 - random()) * meanMinutes * minuteMs;
    for (let atMs = fromMs; atMs <= lastMs; atMs += minuteMs / 2) {
      for (const node of nodes) events.push({ node, class: 'timeout', atMs });
    }
  };
  const addIncidents = (nodes: readonly string[], rate: number) => {
    const fastest = rate * (1 + dailySwing);
    if (fastest === 0) return;
    let hour = 0;
    for (;;) {
      hour -= Math.log(1 - random()) / fastest;
      if (hour >= hours) return;
      // Thinned, so that the rate follows the time of day.
      const swing = (1 + dailySwing * Math.sin((hour / 24) * 2 * Math.PI)) / (1 + dailySwing);
      if (random() < swing) addIncident(nodes, hour * hourMs);
    }
  };
  names.forEach((name, index) => {
    const usage = (exposure[index] ?? 1000) / 1000;
    addIncidents([name], perHour * usage * (index === 0 ? slowness * harm : 1));
  });
  addIncidents(names, commonPerHour);

  const used: ExposureSample[] = [];
  for (let atMs = 0; atMs < hours * hourMs; atMs += binMs) {
    names.forEach((node, index) => used.push({ node, atMs, amount: exposure[index] ?? 1000 }));
  }
  const [canary = '', ...control] = names;
  return comparisonBins({
    episodes: episodesOf(events),
    exposure: used,
    canary: [canary],
    control,
    fromMs: 0,
    toMs: hours * hourMs,
    binMs,
  });
}
