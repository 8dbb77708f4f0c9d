import type { FaultActionKind } from '../lab/faults.ts';
import type { FaultKind } from './fault-spec.ts';

/** How the text of a parameter is read; see `parameter-values.ts`. */
type ParameterType = 'duration' | 'offset' | 'share' | 'rate' | 'size' | 'names' | 'groups' | 'path' | 'choice';

export interface ParameterEntry {
  type: ParameterType;
  /** What it means, with its unit or an example. */
  about: string;
  isRequired?: true;
  /** As it would be typed. */
  default?: string;
  choices?: readonly string[];
  /** Bounds of the value that is read: ms, a share, bits a second, bytes. */
  least?: number;
  most?: number;
}

export interface CatalogueEntry {
  title: string;
  /** How many nodes it may be aimed at. Of a partition the topology decides. */
  targets: { least: number; most: number };
  parameters: Readonly<Record<string, ParameterEntry>>;
  /** What a lab must be able to do. */
  action: FaultActionKind;
  /** Nodes that it is aimed at do no work for the system while it acts. */
  takesNodes: boolean;
  /** Data of the nodes does not come back with the heal. */
  costsData: boolean;
  /**
   * What shows that it acts: a counter that rises (`rises`), the target's state or limit as the lab reads it back (`shown`), the node's process
   * as the operating system or engine sees it.
   */
  proof: { effect: 'rises' | 'shown'; process?: 'paused' | 'stopped' | 'restarted' };
  effectProof: string;
  healProof: string;
}

export const partitionTopologies = [
  'isolate',
  'halves',
  'majority',
  'alone',
  'groups',
  'bridge',
  'majorities-ring',
  'chain',
  'link',
  'one-way',
  'deaf',
  'mute',
  'clients',
  'monitoring',
] as const;

export type PartitionTopology = (typeof partitionTopologies)[number];

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

const halt: ParameterEntry = {
  type: 'choice',
  about: 'whether it may take the quorum away',
  choices: ['refused', 'allowed'],
  default: 'refused',
};
const dataLoss: ParameterEntry = {
  ...halt,
  about: 'whether so many nodes may lose their data that no quorum keeps it',
};
const peers: ParameterEntry = { type: 'names', about: 'towards whom; default: every other node' };

const anyNodes = { least: 1, most: Infinity };
const noNodes = { least: 0, most: 0 };

const shape = {
  delay: { type: 'duration', about: 'added to each way out of the node, as in 200ms', least: 1, most: MINUTE_MS },
  jitter: {
    type: 'duration',
    about: 'spread of the delay to either side; at most the delay',
    least: 1,
    most: MINUTE_MS,
  },
  loss: { type: 'share', about: 'share of packets that are lost, as in 0.1 or 10%', most: 1 },
  rate: { type: 'rate', about: 'most that leaves the node towards a peer, as in 1mbit', least: 8000, most: 1e11 },
  peers,
} satisfies Record<string, ParameterEntry>;

const byPort = {
  ports: { type: 'names', about: "names of the node's ports, as in p2p", isRequired: true },
  peers: { type: 'names', about: 'from whom: nodes, clients, monitoring; default: every other node and clients' },
  halt,
} satisfies Record<string, ParameterEntry>;

const networkHealProof =
  'all pairs reach each other, on new connections and on those that were open, four looks running';
const runsAgain = 'the node runs, in a new start, and answers its liveness probe';

/** Every fault, as data: what it takes, what it costs, and what shows that it acts and that it is gone. */
export const catalogue: Readonly<Record<FaultKind, CatalogueEntry>> = {
  partition: {
    title: 'network partition',
    targets: { least: 0, most: Infinity },
    parameters: {
      topology: {
        type: 'choice',
        about: 'who is cut from whom',
        choices: [...partitionTopologies, 'flapping'],
        isRequired: true,
      },
      groups: { type: 'groups', about: 'of topology groups: sizes in voters as in 2|2|1, or names as in a,b|c,d' },
      also: { type: 'names', about: 'of topology isolate: clients and monitoring are cut off as well' },
      of: { type: 'choice', about: 'of topology flapping: what comes and goes', choices: partitionTopologies },
      period: {
        type: 'duration',
        about: 'of topology flapping: how long it is cut, and how long it is whole',
        default: '10s',
        least: 4000,
        most: 5 * MINUTE_MS,
      },
      halt,
    },
    action: 'cut',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'rises' },
    effectProof:
      'what is cut is blocked on new and on open connections, what is not still works, and packets are dropped',
    healProof: networkHealProof,
  },
  drop: {
    title: 'silence on ports',
    targets: anyNodes,
    parameters: byPort,
    action: 'cut',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'rises' },
    effectProof: 'packets to these ports are dropped, and pairs that have nothing to do with it still work',
    healProof: networkHealProof,
  },
  reject: {
    title: 'refusal on ports',
    targets: anyNodes,
    parameters: byPort,
    action: 'cut',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'rises' },
    effectProof: 'connections to these ports are refused, and pairs that have nothing to do with it still work',
    healProof: networkHealProof,
  },
  delay: {
    title: 'network delay',
    targets: anyNodes,
    parameters: { ...shape, delay: { ...shape.delay, isRequired: true } },
    action: 'shape',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'rises' },
    effectProof: 'the round trip to each peer has at least nine tenths of the delay, and packets are held',
    healProof: networkHealProof,
  },
  loss: {
    title: 'packet loss',
    targets: anyNodes,
    parameters: { ...shape, loss: { ...shape.loss, isRequired: true } },
    action: 'shape',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'rises' },
    effectProof: 'packets pass the rule that loses some of them',
    healProof: networkHealProof,
  },
  bandwidth: {
    title: 'limited bandwidth',
    targets: anyNodes,
    parameters: { ...shape, rate: { ...shape.rate, isRequired: true } },
    action: 'shape',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'rises' },
    effectProof: 'packets pass the rule that limits them',
    healProof: networkHealProof,
  },
  dns: {
    title: 'no name resolution',
    targets: anyNodes,
    parameters: {},
    action: 'dns',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: 'the lab shows that names cannot be resolved on the node',
    healProof: 'nothing of it is left on the node',
  },
  kill: {
    title: 'SIGKILL',
    targets: anyNodes,
    parameters: { halt },
    action: 'down',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown', process: 'stopped' },
    effectProof: 'the process is gone, and its liveness probe fails',
    healProof: runsAgain,
  },
  term: {
    title: 'SIGTERM',
    targets: anyNodes,
    parameters: { halt },
    action: 'down',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown', process: 'stopped' },
    effectProof: 'the process is gone, and its liveness probe fails',
    healProof: runsAgain,
  },
  pause: {
    title: 'processes stand still',
    targets: anyNodes,
    parameters: { halt },
    action: 'pause',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown', process: 'paused' },
    effectProof: 'the process is there and stands still, and its liveness probe fails',
    healProof: 'the node runs and answers its liveness probe',
  },
  restart: {
    title: 'restart',
    targets: anyNodes,
    parameters: {
      signal: { type: 'choice', about: 'how it is ended', choices: ['term', 'kill'], default: 'term' },
      halt,
    },
    action: 'down',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown', process: 'stopped' },
    effectProof: 'the process was seen to be gone',
    healProof: runsAgain,
  },
  'disk-full': {
    title: 'disk full',
    targets: anyNodes,
    parameters: { halt },
    action: 'disk-full',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: 'the lab shows that files cannot grow',
    healProof: 'nothing of it is left on the node, which runs and answers its liveness probe',
  },
  wipe: {
    title: 'data wiped',
    targets: anyNodes,
    parameters: { halt, 'data-loss': dataLoss },
    action: 'down',
    takesNodes: true,
    costsData: true,
    proof: { effect: 'shown', process: 'stopped' },
    effectProof: 'the process is gone, and the lab shows what became of its data',
    healProof: runsAgain,
  },
  corrupt: {
    title: 'data corrupted',
    targets: anyNodes,
    parameters: { halt, 'data-loss': dataLoss },
    action: 'down',
    takesNodes: true,
    costsData: true,
    proof: { effect: 'shown', process: 'stopped' },
    effectProof: 'the process is gone, and the lab shows what became of its data',
    healProof: 'the node was started anew; whether it can live on its data is for a gate to say',
  },
  clock: {
    title: 'clock skew',
    targets: anyNodes,
    parameters: {
      offset: {
        type: 'offset',
        about: 'how far ahead, or behind, as in 90s or -5m',
        isRequired: true,
        most: 365 * DAY_MS,
      },
      halt,
    },
    action: 'clock',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: "the lab reads the offset back from the node's own clock",
    healProof: 'nothing of it is left on the node, which runs and answers its liveness probe',
  },
  cpu: {
    title: 'CPU pressure',
    targets: anyNodes,
    parameters: {
      share: {
        type: 'share',
        about: 'what the node keeps of one core, as in 0.2 or 20%',
        isRequired: true,
        least: 0.01,
        most: 1,
      },
    },
    action: 'cpu',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: 'the lab reads the limit back',
    healProof: 'nothing of it is left on the node, which runs and answers its liveness probe',
  },
  memory: {
    title: 'memory pressure',
    targets: anyNodes,
    parameters: {
      limit: { type: 'size', about: 'most that the node gets, as in 256MiB', isRequired: true, least: 1 << 20 },
      halt,
    },
    action: 'memory',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: 'the lab reads the limit back',
    healProof: 'nothing of it is left on the node, which runs and answers its liveness probe',
  },
  config: {
    title: 'configuration spoiled',
    targets: anyNodes,
    parameters: {
      path: { type: 'path', about: 'the file, as the node sees it; default: the first that it has' },
      halt,
    },
    action: 'config',
    takesNodes: true,
    costsData: false,
    proof: { effect: 'shown', process: 'restarted' },
    effectProof: 'the lab shows the spoiled file, and the node was started with it',
    healProof: runsAgain,
  },
  'prometheus-gone': {
    title: 'Prometheus gone',
    targets: noNodes,
    parameters: {},
    action: 'monitoring-gone',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: 'the lab shows that its container is stopped',
    healProof: 'nothing of it is left, and its container runs',
  },
  'alertmanager-gone': {
    title: 'Alertmanager gone',
    targets: noNodes,
    parameters: {},
    action: 'monitoring-gone',
    takesNodes: false,
    costsData: false,
    proof: { effect: 'shown' },
    effectProof: 'the lab shows that its container is stopped',
    healProof: 'nothing of it is left, and its container runs',
  },
};
