import { flushCompileCache } from 'node:module';
import grpc from '@grpc/grpc-js';

/** A gRPC service and what it does when its process must end. */
export interface Plugin {
  /** Adds the plugin's service to the server. */
  register(server: grpc.Server): void;
  /**
   * Stops whatever the plugin started. Awaited before the process ends, for at most `shutdownGraceMs`. After the engine's
   * SIGINT, which goes to the whole process group, children have had a signal already.
   */
  stop(wasGroupSignalled: boolean): Promise<void>;
}

/** The engine itself kills the group after 5 s. */
const shutdownGraceMs = 4_000;
const maxMessageBytes = 400 * 1024 * 1024;

/** The engine's address: the last argument, since flags may stand before it. */
export function engineAddress(argv: readonly string[]): string {
  const address = argv.at(-1);
  if (address === undefined || address.startsWith('-')) {
    throw new Error(
      'this program is a Pulumi plugin: it is started by the pulumi command with the address of its engine',
    );
  }
  return address;
}

/**
 * Serves a plugin the way the Pulumi engine expects it: the port is the first line on stdout, and the process ends with the
 * engine's SIGINT, with SIGTERM, or when stdin closes, which is how the death of the engine is seen even after SIGKILL.
 */
export async function servePlugin(plugin: Plugin): Promise<void> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
  });
  plugin.register(server);
  let isEnding = false;
  const end = (wasGroupSignalled: boolean): void => {
    if (isEnding) return;
    isEnding = true;
    setTimeout(endProcessGroup, shutdownGraceMs).unref();
    server.forceShutdown();
    plugin.stop(wasGroupSignalled).then(endProcessGroup, endProcessGroup);
  };
  process.on('SIGINT', () => end(true));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(false));
  for (const event of ['end', 'error']) process.stdin.on(event, () => end(false));
  process.stdin.resume();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  process.stdout.write(`${port}\n`);
}

/** The engine makes a plugin the leader of its process group, so that grandchildren end with it as well. */
function endProcessGroup(): void {
  flushCompileCache();
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    // Started by hand, in somebody else's group.
    process.kill(process.pid, 'SIGKILL');
  }
}
