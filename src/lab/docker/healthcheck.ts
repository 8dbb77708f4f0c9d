/**
 * The test of a container health check that asks for an HTTP 200 inside the container. bash does it alone, through its own
 * /dev/tcp, in a few milliseconds of processor time; an interpreter started each time would take ten times that. Images without
 * bash (busybox ones such as Prometheus's) have wget. An image with neither is never healthy: give it no such check.
 */
export function httpHealthcheck({ port, path }: { port: number; path: string }): string[] {
  if (!/^\/[\w./~-]*$/.test(path))
    throw new RangeError(`"${path}" is not a plain path that a health check can ask for`);
  const bash =
    `exec 3<>/dev/tcp/127.0.0.1/${port} && printf "GET ${path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3 && ` +
    'read -r _ code _ <&3 && [ "$code" = 200 ]';
  return [
    'CMD-SHELL',
    `if command -v bash >/dev/null; then exec bash -c '${bash}'; fi; exec wget -q -O /dev/null http://127.0.0.1:${port}${path}`,
  ];
}
