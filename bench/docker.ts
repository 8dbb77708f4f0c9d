/**
 * Rolling containers: the product's deployer (gates left out) beside a bare Pulumi program on the same provider and a shell loop over
 * the Docker command line; from nothing, no change, four replaced one after the other, and growth to twenty.
 *
 *     node bench/docker.ts
 */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { dockerSocket } from '../src/lab/docker/connection.ts';
import { removeAll, testImages } from '../test/helpers/toolchain/test-engine.ts';
import { setupToolchain, toolchainEnvironment } from '../toolchain/setup.ts';
import { barePulumiProgram, shellRun } from './support/containers.ts';
import { median, peakMemoryMb, timed } from './support/measure.ts';
import { benchProject, node, referenceReleases, repository } from './support/project.ts';
import { report, reportLimit } from './support/results.ts';

const rounds = 3;
const repeats = 3;
const id = `bench-${randomBytes(3).toString('hex')}`;
const docker = new Docker({ socketPath: dockerSocket() });
const [image] = await testImages(docker);
const project = await benchProject([...referenceReleases, 'lab: docker', 'nodes: { validator: 4 }']);
const { pulumi } = await setupToolchain({ root: project.root, downloads: false });
const bareFolder = join(project.root, 'bare');
const pulumiEnv = {
  ...process.env,
  ...toolchainEnvironment({ root: project.root }, { PATH: process.env['PATH'] }),
  PULUMI_CONFIG_PASSPHRASE: '',
};

type Operation = 'up' | 'no-op' | 'rollout';
interface Peer {
  /** False for a loop that would do everything again. */
  knowsNoChange: boolean;
  /** Brings the containers to this version and returns the time in ms. */
  to(version: string): Promise<number>;
  destroy(): Promise<unknown>;
}

/** Times of the product's own previews. */
const previews: number[] = [];

function ours(count: number): Peer {
  const [testnet, slot] = [`${id}-own${count}`, randomInt(1, 250)];
  const operate = (operation: string, version: string) =>
    timed(
      [
        node,
        join(repository, 'bench/support/roll.ts'),
        operation,
        project.root,
        testnet,
        String(slot),
        image,
        version,
        String(count),
      ],
      { cwd: project.root },
    );
  return {
    knowsNoChange: true,
    async to(version) {
      if (count === 4 && previews.length < 5) previews.push(Number((await operate('preview', version)).stdout));
      return (await operate('roll', version)).wallMs;
    },
    destroy: () => operate('destroy', '1'),
  };
}

async function bare(count: number): Promise<Peer> {
  const [name, slot] = [`${id}-bare${count}`, randomInt(1, 250)];
  const env = (version: string): NodeJS.ProcessEnv => ({
    ...pulumiEnv,
    PULUMI_BACKEND_URL: `file://${bareFolder}/state`,
    BARE_NAME: name,
    BARE_IMAGE: image,
    BARE_VERSION: version,
    BARE_SLOT: String(slot),
    BARE_COUNT: String(count),
    // From nothing everything may be made at once; only a rollout is one after the other.
    BARE_SERIAL: version === '1' ? '' : '1',
    BARE_HOST: `unix://${dockerSocket()}`,
  });
  const run = (version: string, ...args: string[]) =>
    timed([pulumi, ...args, '--non-interactive'], { cwd: bareFolder, env: env(version) });
  await run('1', 'stack', 'init', name, '--no-select');
  return {
    knowsNoChange: true,
    to: async (version) => (await run(version, 'up', '--yes', '--skip-preview', '--stack', name)).wallMs,
    destroy: () => run('1', 'destroy', '--yes', '--skip-preview', '--stack', name),
  };
}

function shell(count: number): Peer {
  const [name, slot] = [`${id}-shell${count}`, randomInt(1, 250)];
  const names = Array.from({ length: count }, (_, index) => `${name}-node-${index}`);
  const sh = (lines: string[]) => timed(['bash', '-ec', lines.join('\n')]);
  let isUp = false;
  return {
    knowsNoChange: false,
    async to(version) {
      const runs = names.map((_, index) => shellRun(name, slot, image, version, index));
      const lines = isUp
        ? names.map((each, index) => `docker stop ${each}; docker rm ${each}; ${runs[index] ?? ''}`)
        : [`docker network create --subnet 10.232.${slot}.0/24 --gateway 10.232.${slot}.1 ${name}-net`, ...runs];
      isUp = true;
      return (await sh(lines)).wallMs;
    },
    async destroy() {
      isUp = false;
      await sh([
        `docker rm -f -v ${names.join(' ')}`,
        `docker network rm ${name}-net`,
        ...names.map((_, index) => `docker volume rm ${name}-${index}-data`),
      ]);
    },
  };
}

/** Times of each peer by operation. Everybody in every round; who goes first changes with each. */
async function measure(
  peers: readonly Peer[],
  rounds: number,
  repeats: number,
): Promise<Record<Operation, number[]>[]> {
  const times = peers.map(() => ({ up: [] as number[], 'no-op': [] as number[], rollout: [] as number[] }));
  let turn = 0;
  const everybody = async (operation: Operation, version: string): Promise<void> => {
    const order = [...peers.keys()];
    for (const index of turn++ % 2 === 0 ? order : order.reverse()) {
      const peer = peers[index];
      if (!peer || (operation === 'no-op' && !peer.knowsNoChange)) continue;
      times[index]?.[operation].push(await peer.to(version));
    }
  };
  for (let round = 0; round < rounds; round++) {
    await everybody('up', '1');
    for (let repeat = 0; repeat < repeats; repeat++) await everybody('no-op', '1');
    for (let repeat = 0; repeat < repeats; repeat++) await everybody('rollout', String(repeat + 2));
    for (const peer of peers) await peer.destroy();
  }
  return times;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const spread = (times: readonly number[], peer: readonly number[]): string => {
  const each = times.map((value, index) => value / (peer[index] ?? Number.NaN));
  return `${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)}`;
};
const ratios = (times: readonly number[], peer: readonly number[]): number =>
  median(times.map((value, index) => value / (peer[index] ?? Number.NaN)));

try {
  await mkdir(join(bareFolder, 'state'), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(bareFolder, 'node_modules'));
  await writeFile(join(bareFolder, 'index.mjs'), barePulumiProgram);
  await writeFile(
    join(bareFolder, 'package.json'),
    '{"type":"module","dependencies":{"@pulumi/pulumi":"*","@pulumi/docker":"*"}}',
  );
  await writeFile(
    join(bareFolder, 'Pulumi.yaml'),
    'name: bare\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: index.mjs\n',
  );

  const four = [ours(4), await bare(4), shell(4)] as const;
  const [own, pulumiTimes, shellTimes] = await measure(four, rounds, repeats);
  if (!own || !pulumiTimes || !shellTimes) throw new Error('a peer was not measured');
  for (const [operation, figure] of [
    ['rollout', 'Docker: 4 containers replaced one after the other, gates left out'],
    ['up', 'Docker: 4 containers from nothing'],
    ['no-op', 'Docker: no change to 4 containers'],
  ] as const) {
    const ratio = ratios(own[operation], pulumiTimes[operation]);
    const loop = shellTimes[operation];
    const beside = loop.length > 0 ? `, shell loop ${seconds(median(loop))}` : '';
    reportLimit(figure, ratio, 1.1, {
      unit: '× bare Pulumi',
      measured: `${ratio.toFixed(2)} ×, pairs ${spread(own[operation], pulumiTimes[operation])} (${seconds(median(own[operation]))} and ${seconds(median(pulumiTimes[operation]))}${beside})`,
      ...(operation === 'up' && {
        explanation:
          'A first `up` of the product also makes the stack (a call that finds none, `stack init`, the call again), which the bare program has done before it is timed; what that costs was not measured apart. Few pairs are taken because each needs everything removed again, so the ratio moves much with the load of the machine.',
      }),
      how: `wall time of the whole command, previews left out; median of ${own[operation].length} interleaved pairs, same provider`,
    });
  }
  report({ figure: 'Docker: a preview of 4 containers', measured: seconds(median(previews)), how: 'reported apart' });

  const twenty = [ours(20), await bare(20)] as const;
  const [ownGrown, bareGrown] = await measure(twenty, 1, 1);
  for (const operation of ['rollout', 'up', 'no-op'] as const) {
    const [a, b] = [median(ownGrown?.[operation] ?? []), median(bareGrown?.[operation] ?? [])];
    report({
      figure: `Docker: ${operation} of 20 containers`,
      measured: `${seconds(a)}, ${(a / median(own[operation])).toFixed(1)} × that of 4; bare Pulumi ${seconds(b)}, ${(b / median(pulumiTimes[operation])).toFixed(1)} ×`,
      how: 'growth; one round',
    });
  }
  const yaml = `stacks/${project.testnet}.yaml`;
  await timed(project.seatrial('up', yaml), { cwd: project.root });
  const upgrade = project.seatrial('run', 'rolling-upgrade', project.testnet, '--set', 'version=1.1.0');
  const peakMb = await peakMemoryMb(upgrade, project.root);
  const sdk = await timed(
    [
      node,
      '-e',
      "import('@pulumi/docker').then(() => console.log(/VmHWM:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1]))",
    ],
    { cwd: repository },
  );
  const sdkMb = Number(sdk.stdout) / 1024;
  reportLimit("Orchestrator's memory, rolling upgrade on Docker", peakMb, 150, {
    unit: 'MB',
    measured: `${peakMb.toFixed(0)} MB`,
    how: "VmHWM of the seatrial process, Pulumi's own processes not counted; 4 nodes under load",
    explanation: `The program that Pulumi runs is part of this process, and with it Pulumi's SDK, its gRPC client and generated messages: a process that only loads these already takes ${sdkMb.toFixed(0)} MB. What takes the rest has not been broken down.`,
  });
  report({
    figure: 'docker compose',
    measured: hasCompose() ? 'present, not measured' : 'not on this machine',
    how: 'known from elsewhere: up 0.78 s, no-op 0.04 s',
  });
} finally {
  await removeAll(docker, id);
  await project.remove();
}

function hasCompose(): boolean {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
