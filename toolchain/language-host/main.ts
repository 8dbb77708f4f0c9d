import { createHost } from './host.ts';
import { engineAddress, servePlugin } from '../plugin/process.ts';

await servePlugin(createHost(engineAddress(process.argv.slice(2))));
