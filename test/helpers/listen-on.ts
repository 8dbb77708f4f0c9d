import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Takes a port of 127.0.0.1. */
export async function listenOn(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
