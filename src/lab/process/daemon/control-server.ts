import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { messageOf, SeatrialError } from '../../../core/errors.ts';
import { withSocketPath, type DaemonPaths, type LabReply, type LabRequest } from './control-protocol.ts';

/** Answers one request. `caller` is the connection that it came on: what is bound to its caller ends with it. */
export type LabHandler = (request: LabRequest, caller: Socket) => Promise<unknown>;

/** Listens on the testnet's control socket, which only its owner can open. */
export async function serveControl(paths: DaemonPaths, handle: LabHandler): Promise<Server> {
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await rm(paths.socket, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const lines = createInterface({ input: socket });
    // It passes on the socket's errors.
    lines.on('error', () => undefined);
    lines.on('line', (line) => void answer(line, socket, handle));
  });
  await withSocketPath(paths, (path) => listen(server, path));
  await chmod(paths.socket, 0o600);
  return server;
}

async function answer(line: string, socket: Socket, handle: LabHandler): Promise<void> {
  const { call, ...request } = JSON.parse(line) as { call: number } & LabRequest;
  let reply: LabReply;
  try {
    reply = { call, value: (await handle(request, socket)) ?? null };
  } catch (error) {
    reply = { call, error: messageOf(error), ...(error instanceof SeatrialError && { details: error.details }) };
  }
  if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject).on('error', () => undefined);
      resolve();
    });
  });
}
