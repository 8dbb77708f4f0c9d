import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LabError, messageOf } from '../core/errors.ts';
import { openMetricsContentType, textContentType, type RunMetrics } from '../report/run-metrics.ts';

/** Serves a run's metrics at `/metrics` on loopback while the run goes on; port 0 takes a free one. Throws LabError when the port is taken. */
export async function serveMetrics(
  metrics: RunMetrics,
  port: number,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, text: string): void => {
      response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? undefined : text);
    };
    const failed = (error: unknown): void => answer(500, 'text/plain', messageOf(error));
    const isKnown = request.url === '/metrics' && (request.method === 'GET' || request.method === 'HEAD');
    if (!isKnown) answer(404, 'text/plain', 'only /metrics is here\n');
    else if (request.headers.accept?.includes('application/openmetrics-text'))
      metrics.openMetricsText().then((text) => answer(200, openMetricsContentType, text), failed);
    else metrics.text().then((text) => answer(200, textContentType, text), failed);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new LabError(`metrics cannot be served on 127.0.0.1:${port}: ${messageOf(cause)}`, { cause }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  // It ends with the run, whoever still reads.
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
