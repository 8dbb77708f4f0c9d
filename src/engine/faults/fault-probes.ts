import type { FaultSetting } from '../../faults/live-fault.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { createProbeClient } from '../../gates/probe-client.ts';
import type { CallOptions } from '../../lab/lab.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { RunInputs } from '../run-inputs.ts';

const callTimeoutMs = 1_000;

/** Whether a node answers its liveness probe: on the direct path, and on that of clients. */
export function faultProbes({ lab, profile, clock, transport }: RunInputs): FaultSetting['probes'] {
  const { port, path } = profile.liveness;
  const asks =
    (baseUrl: (node: TopologyNode) => string) =>
    async (node: TopologyNode, { timeoutMs = callTimeoutMs, signal }: CallOptions): Promise<boolean> => {
      const client = createProbeClient({
        baseUrl: () => baseUrl(node),
        transport: transport ?? httpTransport(clock),
        timeoutMs,
        signal,
      });
      return client.getText(port, path).then(
        () => true,
        () => false,
      );
    };
  return {
    isAlive: asks((node) => lab.endpoint(node, port)),
    clientReaches: asks((node) => lab.clientEndpoint?.(node, port) ?? lab.endpoint(node, port)),
  };
}
