import providerService from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import { engineAddress, servePlugin } from '../plugin/process.ts';
import { Operations } from './operations.ts';
import { createService } from './service.ts';

engineAddress(process.argv.slice(2));
const operations = new Operations();

await servePlugin({
  register: (server) => server.addService(providerService.ResourceProviderService, createService(operations)),
  stop: async () => operations.cancel(),
});
