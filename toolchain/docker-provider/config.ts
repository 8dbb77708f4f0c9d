import type { Properties } from '../plugin/properties.ts';
import type { CheckFailure } from './check.ts';

/** What the engine adds to a provider's configuration by itself. */
const ownKeys = new Set(['version', 'pluginDownloadURL', '__internal']);

/** Refuses every configuration but `host`, by name. */
export function checkConfig(config: Properties): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const [name, value] of Object.entries(config)) {
    if (ownKeys.has(name) || value === null) continue;
    if (name !== 'host') failures.push({ property: name, reason: 'is not supported by the offline docker provider' });
    else if (typeof value !== 'string') failures.push({ property: name, reason: 'must be a string' });
  }
  return failures;
}

/** The engine's `unix://` address: the configured one, else DOCKER_HOST, else the usual socket. Throws on other schemes. */
export function engineHost(configured: string | undefined, environment: NodeJS.ProcessEnv): string {
  const host = configured || environment['DOCKER_HOST'] || 'unix:///var/run/docker.sock';
  if (/^unix:\/\/\/./.test(host)) return host;
  throw new Error(
    `the offline docker provider reaches Docker through a unix socket (unix:///path), not through ${host}; ` +
      'forward the remote socket to a local one, or use the official provider',
  );
}
