import type { BreakerSet } from '../core/breaker-set.ts';
import { outcomeOfStatus, type CallOutcome } from '../core/call-outcome.ts';
import type { CallClass } from '../core/breaker.ts';
import type { HttpTransport } from './probe-client.ts';

interface GuardedTransportOptions {
  breakers: BreakerSet;
  /**
   * `sample`: every request is sent, and only counted: a gate must see a failure as a sample, and a rejection would hide it. Its
   * probes are cheap, and are themselves what finds out that a host is back. `hold-back`: for work such as sending load or asking
   * for history: while the breaker is open a request rejects at once with BreakerOpenError.
   */
  mode: 'sample' | 'hold-back';
  /** Base URL of the testnet's Prometheus: requests to it count as `metrics`, all others as `rpc`. */
  prometheusUrl?: string | undefined;
}

/**
 * A transport whose requests are counted per endpoint (host:port) and class, so that a node which is down opens the breaker of its
 * own port and not that of all nodes on its machine. An answer is handed on whatever its status.
 */
export function guardedTransport(transport: HttpTransport, options: GuardedTransportOptions): HttpTransport {
  const { breakers, mode, prometheusUrl } = options;
  const metrics = prometheusUrl === undefined ? undefined : endpointOf(prometheusUrl);
  return async (request) => {
    const endpoint = endpointOf(request.url);
    const callClass: CallClass = endpoint === metrics ? 'metrics' : 'rpc';
    const breaker = breakers.get(endpoint, callClass);
    const send = (): ReturnType<HttpTransport> => transport(request);
    if (mode === 'sample') return breaker.watch(send, judge);
    return breaker.call(send, { signal: request.signal, judge });
  };
}

/** The key of a URL's breaker, as in `127.0.0.1:4100`. */
export function endpointOf(url: string): string {
  const { host, hostname, port, protocol } = new URL(url);
  return port === '' ? `${hostname}:${protocol === 'https:' ? 443 : 80}` : host;
}

function judge({ status }: { status: number }): CallOutcome {
  return outcomeOfStatus(status);
}
