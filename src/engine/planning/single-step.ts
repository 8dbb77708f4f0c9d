import type { PlanStep } from '../../journal/records.ts';
import type { Topology } from '../../topology/topology.ts';
import { drillStep } from '../drill/drill-stages.ts';
import type { RunbookStage } from '../runbook.ts';

/** Discovery by file takes up to 5 s, and then come a scrape and the age that a sample may have. */
const telemetryTimeoutMs = 30_000;

/** A stage that is one step. */
export function stepOf(
  stage: Exclude<RunbookStage, { kind: 'change' | 'take-backup' | 'fault' | 'heal' }>,
  { gate, nodes: all }: Pick<Topology, 'gate' | 'nodes'>,
): PlanStep {
  const { id } = stage;
  const nodes = all.map(({ name }) => name);
  switch (stage.kind) {
    case 'soak':
      return { id, kind: 'soak', nodes: stage.nodes, gate, ...(stage.forMs !== undefined && { forMs: stage.forMs }) };
    case 'approval': {
      const { question, timeoutMs, onTimeout = 'stop' } = stage;
      return { id, kind: 'approval', nodes: [], question, timeoutMs, onTimeout };
    }
    case 'await-height':
      return { id, kind: 'await-height', nodes: [], height: stage.height, timeoutMs: stage.timeoutMs };
    case 'finalise':
      return { id, kind: 'finalise', nodes: [] };
    case 'switch': {
      const { toggle, ttlMs, node } = stage;
      const compensation = `${toggle} off on ${node}; by itself after ${ttlMs / 1000} s at the latest`;
      return { id, kind: 'switch', nodes: [node], toggle, ttlMs, on: true, compensation };
    }
    case 'clear':
      return { id, kind: 'switch', nodes: [stage.node], toggle: stage.toggle, on: false };
    case 'activation': {
      const { toggle, blocks, timeoutMs } = stage;
      return { id, kind: 'activation', nodes: stage.nodes, toggle, blocks, timeoutMs };
    }
    case 'switchback': {
      const { node, control, toggle, blocks, blockMs, ttlMs } = stage;
      return { id, kind: 'switchback', nodes: [node], control, toggle, blocks, forMs: blockMs, ttlMs };
    }
    case 'calibrate':
      return { id, kind: 'calibrate', nodes: stage.nodes, control: stage.control, forMs: stage.forMs };
    case 'compare': {
      const { control, forMs, after } = stage;
      return { id, kind: 'compare', nodes: stage.nodes, control, forMs, after };
    }
    case 'telemetry':
      return { id, kind: 'telemetry', nodes: stage.nodes ?? nodes, timeoutMs: stage.timeoutMs ?? telemetryTimeoutMs };
    case 'hold': {
      const { forMs } = stage;
      const expects = stage.expects === 'computed' ? {} : stage.expects;
      return { id, kind: 'hold', nodes: [], forMs, ...(expects && { expects }) };
    }
    case 'restore-backup': {
      const { backup, from = [], maxAgeMs, rebuild, acceptDoubleSignRisk } = stage;
      return {
        id,
        kind: 'restore-backup',
        nodes: stage.nodes ?? nodes,
        backup,
        targets: from,
        gate,
        ...(stage.nodes === undefined && { isWhole: true }),
        ...(maxAgeMs !== undefined && { maxAgeMs }),
        ...(rebuild && { rebuild }),
        ...(acceptDoubleSignRisk && { acceptsDoubleSign: true }),
        compensation: 'none: what was there before is gone',
      };
    }
    case 'slo':
      return { id, kind: 'slo', nodes: [], objective: stage.objective, forMs: stage.forMs };
    case 'stop':
    case 'start':
      return {
        id,
        kind: stage.kind,
        nodes: [stage.node],
        ...(stage.kind === 'stop' && { compensation: `${stage.node} is started again` }),
        ...(stage.kind === 'stop' && stage.mayHalt && { mayHalt: true }),
      };
    case 'start-together':
      return { id, kind: 'start', nodes: stage.nodes, gate };
    default:
      return drillStep(stage, { gate, nodes: all });
  }
}
