import type { Clock } from '../../core/clock.ts';
import type { Lab } from '../../lab/lab.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';
import type { HttpTransport } from '../probe-client.ts';
import { NotMakeable, type BadWorld, type Call, type HttpAnswer } from './bad-world.ts';
import { editMetricsPage } from './metrics-page.ts';
import { readOnlyLab } from './read-only-lab.ts';
import { tamperedProfile } from './tampered-profile.ts';
import { tamperedPrometheus } from './tampered-prometheus.ts';

/** What the gate looks through: the real testnet until `begin`, the bad world from then on. */
export interface TamperedView {
  lab: Lab;
  profile: SystemProfile;
  transport: HttpTransport;
  begin(): void;
  /** To be called after every slot in which the bad world was shown. */
  nextSlot(): void;
  /** Why the world could not be made of what really came back. */
  readonly notMakeable: string | undefined;
}

export interface ViewInputs {
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  transport: HttpTransport;
  clock: Clock;
  prometheusUrl?: string | undefined;
}

/** Lays a bad world between a gate and the testnet. Nothing of it reaches the testnet: calls that change something are refused. */
export function tamperedView(world: BadWorld, inputs: ViewInputs): TamperedView {
  const { topology, lab, clock, prometheusUrl } = inputs;
  const tampering = world.tampering();
  const victims = new Set(world.nodes);
  let isOn = false;
  let slot = 0;
  let notMakeable: string | undefined;
  const isAltered = (node: string | undefined): boolean => isOn && node !== undefined && victims.has(node);
  const { profile, asked } = tamperedProfile(inputs.profile, tampering, isAltered, () => slot);
  const askPrometheus = tamperedPrometheus({
    tampering,
    isAltered,
    slot: () => slot,
  });
  const nodeOfOrigin = new Map<string, { node: string; port: string }>();
  for (const node of topology.nodes) {
    for (const { name } of node.ports) {
      nodeOfOrigin.set(new URL(lab.endpoint(node, name)).origin, { node: node.name, port: name });
    }
  }
  const prometheusOrigin = prometheusUrl === undefined ? undefined : new URL(prometheusUrl).origin;
  const metrics = inputs.profile.metrics;

  return {
    profile,
    transport,
    lab: readOnlyLab(lab, {
      async observe(node, options) {
        const real = await lab.observe(node, options);
        return isAltered(node.name) && tampering.observe ? tampering.observe(real, { node: node.name, slot }) : real;
      },
      async logs(node, options) {
        const real = await lab.logs(node, options);
        if (!isAltered(node.name) || !tampering.logs) return real;
        return makeable(() => tampering.logs?.(real, { node: node.name, slot, nowMs: clock.wallMs() }) ?? real, real);
      },
    }),
    begin() {
      isOn = true;
      slot = 0;
    },
    nextSlot: () => {
      slot++;
    },
    get notMakeable() {
      return notMakeable;
    },
  };

  function makeable<T>(make: () => T, real: T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof NotMakeable)) throw error;
      notMakeable = error.message;
      return real;
    }
  }

  async function transport(request: Parameters<HttpTransport>[0]): Promise<HttpAnswer> {
    const call = callOf(request);
    const { asks } = call;
    const whom = asked.getStore();
    if (whom && asks.kind === 'node') whom.node = asks.node;
    if (!isOn || (asks.kind === 'node' && !isAltered(asks.node))) return inputs.transport(request);
    if (tampering.isRefused?.(call)) throw new Error(`${request.method} ${request.url}: refused in this world`);
    try {
      const answer =
        asks.kind === 'prometheus' ? await askPrometheus(call, inputs.transport) : await inputs.transport(request);
      return tampering.answer?.(call, editPage(call, answer), slot) ?? editPage(call, answer);
    } catch (error) {
      if (!(error instanceof NotMakeable)) throw error;
      notMakeable = error.message;
      return inputs.transport(request);
    }
  }

  function callOf(request: Call['request']): Call {
    const url = new URL(request.url);
    const node = nodeOfOrigin.get(url.origin);
    if (node) return { request, url, asks: { kind: 'node', ...node } };
    return { request, url, asks: { kind: url.origin === prometheusOrigin ? 'prometheus' : 'other' } };
  }

  function editPage({ url, asks }: Call, answer: HttpAnswer): HttpAnswer {
    const { samples, lostMetrics } = tampering;
    if (asks.kind !== 'node' || !metrics || answer.status !== 200 || (!samples && !lostMetrics)) return answer;
    if (asks.port !== metrics.port || url.pathname !== metrics.path) return answer;
    const at = { node: asks.node, slot };
    return { ...answer, text: editMetricsPage(answer.text, (page) => samples?.(page, at) ?? [...page], lostMetrics) };
  }
}
