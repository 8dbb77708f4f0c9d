import { RefusedError, UsageError } from '../../core/errors.ts';
import { catalogue } from '../../faults/catalogue.ts';
import { compileFault } from '../../faults/compile-fault.ts';
import type { FaultKind, FaultSpec } from '../../faults/fault-spec.ts';
import { impairedNodes } from '../faults/planned-fault.ts';
import type { FaultGround } from '../runbook.ts';
import { oneOf, shuffled } from './draw.ts';

/** Without a need for it the data of no node is given away: what is spoiled or removed may be all that knew a vote. */
export function drawableKinds({ capabilities }: FaultGround, kinds: readonly FaultKind[]): FaultKind[] {
  return kinds.filter((kind) => capabilities[catalogue[kind].action] === true);
}

export interface DrawnFault {
  fault: FaultSpec;
  /** Nodes that do no work while it acts. */
  impaired: readonly string[];
  /** Nodes that it is held on: whoever starts one of them anew ends it there. */
  held: readonly string[];
}

export interface FaultDraw {
  ground: FaultGround;
  kinds: readonly FaultKind[];
  /** Faults may take the quorum away. */
  mayHalt: boolean;
  durationMs: number;
  random: () => number;
}

/** A fault of one of these kinds that this testnet can bear; undefined when it can bear none. */
export function drawFault({ ground, kinds, mayHalt, durationMs, random }: FaultDraw): DrawnFault | undefined {
  for (const kind of shuffled(kinds, random)) {
    for (const { targets, parameters } of shuffled(formsOf(kind, ground, random), random)) {
      const halt = mayHalt && Object.hasOwn(catalogue[kind].parameters, 'halt') ? { halt: 'allowed' } : {};
      const fault: FaultSpec = {
        kind,
        targets,
        parameters: { ...parameters, ...halt },
        durationMs: kind === 'restart' ? 0 : durationMs,
      };
      const reach = reachOf(fault, ground);
      if (reach) return { fault, ...reach };
    }
  }
  return undefined;
}

/** Undefined where the fault is refused. What was compiled is thrown away: the plan compiles it again, in its place. */
function reachOf(fault: FaultSpec, { topology }: FaultGround): Omit<DrawnFault, 'fault'> | undefined {
  try {
    const names = topology.nodes.map(({ name }) => name);
    const compiled = compileFault(fault, { topology }, 'drawn');
    return { impaired: impairedNodes(compiled, names), held: compiled.leases.map(({ node }) => node.name) };
  } catch (error) {
    if (error instanceof RefusedError || error instanceof UsageError) return undefined;
    throw error;
  }
}

interface FaultForm {
  targets: string[];
  parameters: Record<string, string>;
}

/** What a fault of this kind may look like here; whether it is bearable is for the compiler to say. */
function formsOf(kind: FaultKind, { topology }: FaultGround, random: () => number): FaultForm[] {
  const nodes = topology.nodes.map(({ name }) => name);
  const atEach = (parameters: Record<string, string> = {}): FaultForm[] =>
    nodes.map((node) => ({ targets: [node], parameters }));
  switch (kind) {
    case 'partition':
      return partitions(nodes, random);
    case 'drop':
    case 'reject':
      // Only what nodes say to each other is sure to come: a port that nobody uses would show nothing.
      return topology.nodes.flatMap(({ name, ports }) =>
        ports.some((port) => port.name === 'p2p') ? { targets: [name], parameters: { ports: 'p2p' } } : [],
      );
    case 'delay':
      return atEach({ delay: `${between(random, 20, 200)}ms` });
    case 'loss':
      return atEach({ loss: `${between(random, 1, 5)}%` });
    case 'bandwidth':
      return atEach({ rate: oneOf(['512kbit', '1mbit', '5mbit'], random) });
    case 'clock':
      return atEach({ offset: `${random() < 0.5 ? '-' : ''}${between(random, 5, 120)}s` });
    case 'cpu':
      return atEach({ share: `${between(random, 20, 60)}%` });
    case 'memory':
      return atEach({ limit: '256MiB' });
    case 'restart':
      return atEach({ signal: oneOf(['term', 'kill'], random) });
    case 'prometheus-gone':
    case 'alertmanager-gone':
      return [{ targets: [], parameters: {} }];
    default:
      return atEach();
  }
}

/** One of each topology. */
function partitions(nodes: readonly string[], random: () => number): FaultForm[] {
  const [first = '', second = ''] = shuffled(nodes, random);
  const forms: [topology: string, targets: string[], more?: Record<string, string>][] = [
    ['isolate', [first]],
    ['halves', []],
    ['majority', []],
    ['alone', []],
    ['bridge', [first]],
    ['majorities-ring', []],
    ['chain', []],
    ['link', [first, second]],
    ['one-way', [first, second]],
    ['deaf', [first]],
    ['mute', [first]],
    ['clients', [first]],
    ['flapping', [first], { of: 'isolate', period: '4s' }],
  ];
  return forms.map(([topology, targets, more]) => ({ targets, parameters: { topology, ...more } }));
}

function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}
