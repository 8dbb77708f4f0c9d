import grpc from '@grpc/grpc-js';
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import language from '@pulumi/pulumi/proto/language_pb.js';
import languageService from '@pulumi/pulumi/proto/language_grpc_pb.js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import type {
  GetProgramDependenciesRequest,
  GetRequiredPackagesRequest,
  InstallDependenciesRequest,
  InstallDependenciesResponse,
  RunRequest,
  RunResponse,
} from '@pulumi/pulumi/proto/language_pb.js';
import { execa } from 'execa';
import { messageOf } from '../../src/core/errors.ts';
import { unary } from '../plugin/call.ts';
import type { Plugin } from '../plugin/process.ts';
import { fromStruct } from '../plugin/properties.ts';
import { programDependencies, pulumiPackages } from './dependencies.ts';
import { ProgramRunner, type ProgramExit } from './program.ts';

const hostVersion = '3.250.0';

/**
 * A language host for Node.js programs: what `pulumi up`, `preview`, `install` and `about` ask of one. Packing, code generation
 * and plugins written in Node.js are left to the official program.
 */
export function createHost(engine: string): Plugin {
  const runner = new ProgramRunner();

  const run = (
    call: grpc.ServerUnaryCall<RunRequest, RunResponse>,
    callback: grpc.sendUnaryData<RunResponse>,
  ): void => {
    const running = new AbortController();
    // Also fires after a normal end, when there is nothing left to stop.
    call.on('cancelled', () => running.abort());
    runner.run(readRun(call.request, engine), running.signal).then(
      (exit) => callback(null, toRunResponse(exit)),
      (error: unknown) => callback(null, new language.RunResponse().setError(messageOf(error))),
    );
  };

  const service: UntypedServiceImplementation = {
    handshake: unary(() => new language.LanguageHandshakeResponse()),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(hostVersion)),
    run,
    cancel: unary(async () => {
      await runner.stop();
      return new empty.Empty();
    }),
    installDependencies: (call: ServerWritableStream<InstallDependenciesRequest, InstallDependenciesResponse>) => {
      void install(call);
    },
    getRequiredPackages: unary((request: GetRequiredPackagesRequest) => {
      const response = new language.GetRequiredPackagesResponse();
      for (const { name, version, server } of pulumiPackages(request.getInfo()?.getProgramDirectory() ?? '.')) {
        const found = new plugin.PackageDependency().setName(name).setKind('resource').setVersion(`v${version}`);
        if (server !== undefined) found.setServer(server);
        response.addPackages(found);
      }
      return response;
    }),
    getProgramDependencies: unary((request: GetProgramDependenciesRequest) => {
      const response = new language.GetProgramDependenciesResponse();
      for (const { name, version } of programDependencies(
        request.getInfo()?.getProgramDirectory() ?? request.getPwd(),
      )) {
        response.addDependencies(new language.DependencyInfo().setName(name).setVersion(version));
      }
      return response;
    }),
    about: unary(() => new language.AboutResponse().setExecutable(process.execPath).setVersion(process.version)),
    runtimeOptionsPrompts: unary(() => new language.RuntimeOptionsResponse()),
  };

  return {
    register: (server) => server.addService(languageService.LanguageRuntimeService, service),
    stop: (wasGroupSignalled) => runner.stop(wasGroupSignalled),
  };
}

function readRun(request: RunRequest, engine: string): Parameters<ProgramRunner['run']>[0] {
  const info = request.getInfo();
  const options = fromStruct(info?.getOptions());
  return {
    engine,
    monitor: request.getMonitorAddress(),
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    rootDirectory: info?.getRootDirectory() ?? request.getPwd(),
    programDirectory: info?.getProgramDirectory() ?? request.getPwd(),
    workingDirectory: request.getPwd(),
    entryPoint: info?.getEntryPoint() ?? request.getProgram(),
    arguments: request.getArgsList(),
    isDryRun: request.getDryrun(),
    parallel: request.getParallel(),
    config: Object.fromEntries(request.getConfigMap().toObject()),
    secretKeys: request.getConfigsecretkeysList(),
    nodeArguments: typeof options['nodeargs'] === 'string' ? options['nodeargs'].split(/\s+/).filter(Boolean) : [],
    isTypeScriptHandled: options['typescript'] !== false,
  };
}

function toRunResponse({ code, signal }: ProgramExit): RunResponse {
  const response = new language.RunResponse();
  if (code === 0) return response;
  // The program has already printed what the user needs.
  if (code === 32) return response.setBail(true);
  return response.setError(
    signal === undefined
      ? `Program exited with non-zero exit code: ${code}`
      : `Program was ended by the signal ${signal}`,
  );
}

async function install(
  call: ServerWritableStream<InstallDependenciesRequest, InstallDependenciesResponse>,
): Promise<void> {
  const cwd = call.request.getInfo()?.getProgramDirectory() || call.request.getDirectory();
  const npm = execa('npm', ['install', '--loglevel=error'], { cwd, stdin: 'ignore', buffer: false, reject: false });
  npm.stdout.on('data', (chunk: Buffer) => call.write(new language.InstallDependenciesResponse().setStdout(chunk)));
  npm.stderr.on('data', (chunk: Buffer) => call.write(new language.InstallDependenciesResponse().setStderr(chunk)));
  const result = await npm;
  if (result.failed) {
    const details = `npm install in ${cwd} failed: ${result.shortMessage ?? 'unknown reason'}`;
    call.emit('error', { code: grpc.status.FAILED_PRECONDITION, details });
  } else {
    call.end();
  }
}
