import { expect, test } from 'vitest';
import { createBreakerSet, type BreakerSet } from '../../../src/core/breaker-set.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

function set(): BreakerSet {
  return createBreakerSet({
    clock: createVirtualClock(),
    random: () => 0,
    options: { ssh: { mode: 'consecutive', failureThreshold: 1 } },
  });
}

async function failing(
  breakers: BreakerSet,
  host: string,
  callClass: 'rpc' | 'ssh' | 'docker',
  times: number,
): Promise<void> {
  for (let count = 0; count < times; count++) {
    await breakers
      .get(host, callClass)
      .call(() => Promise.reject(refused))
      .catch(() => undefined);
  }
}

test('a host’s classes of call fail apart from each other, and so do hosts; a class has its own options', async () => {
  const breakers = set();
  await failing(breakers, 'a', 'rpc', 5);
  await failing(breakers, 'a', 'docker', 4);
  await failing(breakers, 'b', 'rpc', 4);
  await failing(breakers, 'b', 'ssh', 1);
  expect(breakers.snapshot().map(({ host, callClass, state }) => `${host} ${callClass} ${state}`)).toEqual([
    'a docker closed',
    'a rpc open',
    'b rpc closed',
    'b ssh open',
  ]);
});

test('downtime of a host is planned for all its classes, also for one first used meanwhile, and for no other host', async () => {
  const breakers = set();
  breakers.get('a', 'rpc');
  const end = breakers.exclude('a');
  await failing(breakers, 'a', 'rpc', 6);
  await failing(breakers, 'a', 'docker', 6);
  await failing(breakers, 'b', 'rpc', 6);
  expect(breakers.snapshot().map(({ state }) => state)).toEqual(['closed', 'closed', 'open']);
  end();
  await failing(breakers, 'a', 'rpc', 5);
  await failing(breakers, 'a', 'docker', 5);
  expect(breakers.snapshot().map(({ state }) => state)).toEqual(['open', 'open', 'open']);
});

test('what was kept with a run is there again in the next process', async () => {
  const breakers = set();
  await failing(breakers, 'a', 'rpc', 7);
  await failing(breakers, 'b', 'docker', 2);
  const kept = breakers.snapshot();
  expect(kept).toHaveLength(2);
  const next = set();
  next.restore(kept);
  expect(next.snapshot()).toEqual(kept);
  expect(next.get('a', 'rpc').snapshot()).toMatchObject({ state: 'open', failures: 5, rejected: 2, opened: 1 });
});
