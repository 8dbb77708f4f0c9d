import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

export interface ContainerWatch {
  /** Names in the order in which containers were started, and how many were ever down together. */
  end(): Promise<{ replaced: string[]; mostDownAtOnce: number }>;
}

/** Follows the engine's own record of what ends and starts, from now on. */
export async function watchContainers(docker: Docker, testnet: string): Promise<ContainerWatch> {
  const filters = { type: ['container'], event: ['die', 'start'], label: [`org.seatrial.testnet=${testnet}`] };
  const stream = await docker.getEvents({ filters: JSON.stringify(filters) });
  const down = new Set<string>();
  const replaced: string[] = [];
  let mostDownAtOnce = 0;
  createInterface({ input: stream }).on('line', (line) => {
    const { Action: action, Actor: actor } = JSON.parse(line) as {
      Action: string;
      Actor: { Attributes: { name: string } };
    };
    const { name } = actor.Attributes;
    if (action === 'die') down.add(name);
    else {
      down.delete(name);
      replaced.push(name);
    }
    mostDownAtOnce = Math.max(mostDownAtOnce, down.size);
  });
  return {
    async end() {
      const closed = once(stream, 'close');
      (stream as unknown as Readable).destroy();
      await closed;
      return { replaced, mostDownAtOnce };
    },
  };
}
