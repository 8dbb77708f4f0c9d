import { existsSync } from 'node:fs';
import { abortedError, type Clock } from '../../../core/clock.ts';
import type { TopologyNode } from '../../../topology/topology.ts';
import type { CallOptions } from '../../call-options.ts';
import type { FaultPort, FaultState } from '../../faults.ts';
import { daemonPaths, type LabAnswers, type LabRequest } from '../daemon/control-protocol.ts';
import type { LabDaemon } from '../daemon/lab-daemon-client.ts';

/** The faults of a process lab. The lab daemon holds them; this asks it. */
export function createProcessFaultPort(options: { daemon: LabDaemon; stateDir: string; clock: Clock }): FaultPort {
  const { daemon, stateDir } = options;
  const { leases } = daemonPaths(stateDir);

  /** A daemon that does not run holds nothing, but for what one that was killed has left: for that it is started. */
  const askWhereNeeded = async <R extends LabRequest>(
    request: R,
    call: CallOptions,
  ): Promise<LabAnswers[R['op']] | undefined> => {
    const answer = await daemon.askIfThere(request, call);
    if (answer !== undefined || !existsSync(leases)) return answer;
    return daemon.ask(request, call);
  };

  return {
    capabilities: async ({ signal } = {}) => {
      if (signal?.aborted) throw abortedError(signal);
      // Most commands break nothing, and load nothing of this.
      const { capabilitiesOf } = await import('./kinds.ts');
      return capabilitiesOf(stateDir);
    },
    arm: async ({ id, node, action, ttlMs }, call = {}) => {
      await daemon.ask({ op: 'arm', lease: { id, node: node.name, action, ttlMs } }, call);
    },
    inject: async (node, id, call = {}) => {
      await daemon.ask({ op: 'inject', node: node.name, id }, call);
    },
    extend: async (node, id, ttlMs, call = {}) => {
      await daemon.ask({ op: 'extend', node: node.name, id, ttlMs }, call);
    },
    inspect: async (node, id, call = {}) =>
      (await askWhereNeeded({ op: 'inspect', node: node.name, id }, call)) ?? absent(node, id),
    heal: async (node, id, call = {}) => {
      await askWhereNeeded({ op: 'heal', node: node.name, id }, call);
    },
    list: async (call = {}) => (await askWhereNeeded({ op: 'list' }, call)) ?? [],
    watchPairs: async (nodes, call = {}) => {
      // The others reach each other past the lab.
      const linked = nodes.filter(({ links }) => links).map(({ name }) => name);
      const connection = await daemon.connect(call);
      try {
        await connection.request({ op: 'watch', nodes: linked }, call);
      } catch (error) {
        connection.close();
        throw error;
      }
      return {
        nodes: linked,
        look: ({ signal, timeoutMs } = {}) =>
          connection.request({ op: 'look', ...(timeoutMs !== undefined && { timeoutMs }) }, signal ? { signal } : {}),
        // The daemon closes all that belongs to a connection with it.
        close: async () => connection.close(),
      };
    },
  };
}

function absent(node: TopologyNode, id: string): FaultState {
  return { id, node: node.name, kind: 'cut', state: 'absent', effect: {} };
}
