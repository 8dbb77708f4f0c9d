import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import grpc, { type ServiceError } from '@grpc/grpc-js';
import languageService from '@pulumi/pulumi/proto/language_grpc_pb.js';
import language from '@pulumi/pulumi/proto/language_pb.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const main = join(import.meta.dirname, '../../../toolchain/language-host/main.ts');
type Client = InstanceType<typeof languageService.LanguageRuntimeClient>;
let host: ChildProcess;
let client: Client;

beforeEach(async () => {
  const child = spawn(process.execPath, [main, '--tracing', 'x', '127.0.0.1:1'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  host = child;
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  expect(line.toString()).toMatch(/^\d+\n$/);
  client = new languageService.LanguageRuntimeClient(
    `127.0.0.1:${line.toString().trim()}`,
    grpc.credentials.createInsecure(),
  );
});
afterEach(async () => {
  client.close();
  const ended = once(host, 'exit');
  host.stdin?.end();
  await ended;
});

async function project(manifest: object): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  return folder;
}

function infoOf(folder: string): InstanceType<typeof language.ProgramInfo> {
  return new language.ProgramInfo().setRootDirectory(folder).setProgramDirectory(folder).setEntryPoint('.');
}

async function install(folder: string): Promise<string> {
  const request = new language.InstallDependenciesRequest().setInfo(infoOf(folder)).setDirectory(folder);
  let output = '';
  const responses: AsyncIterable<InstanceType<typeof language.InstallDependenciesResponse>> =
    client.installDependencies(request);
  for await (const response of responses) output += Buffer.from(response.getStdout_asU8()).toString();
  return output;
}

test('dependencies are installed with npm, and its output is passed on', async () => {
  const folder = await project({ name: 'p', dependencies: { inner: 'file:./inner' } });
  await mkdir(join(folder, 'inner'));
  await writeFile(join(folder, 'inner', 'package.json'), JSON.stringify({ name: 'inner', version: '1.0.0' }));
  expect(await install(folder)).toContain('added 1 package');
});

test('an installation that fails is an error', async () => {
  const folder = await project({ name: 'p', dependencies: { inner: 'file:./nowhere/at-all.tgz' } });
  await expect(install(folder)).rejects.toThrow(/npm install in .* failed/);
});

test('the providers that a program needs are found among its dependencies', async () => {
  const folder = await project({ name: 'p', dependencies: { '@pulumi/docker': '*', other: '*', absent: '*' } });
  const packages: Record<string, object> = {
    '@pulumi/docker': { version: '5.2.0', pulumi: { resource: true, name: 'docker', version: '5.2.0' } },
    other: { version: '1.0.0' },
  };
  for (const [name, manifest] of Object.entries(packages)) {
    await mkdir(join(folder, 'node_modules', name), { recursive: true });
    await writeFile(join(folder, 'node_modules', name, 'package.json'), JSON.stringify(manifest));
  }
  const request = new language.GetRequiredPackagesRequest().setInfo(infoOf(folder));
  const response = await new Promise<InstanceType<typeof language.GetRequiredPackagesResponse>>((resolve, reject) => {
    client.getRequiredPackages(request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  const found = response.getPackagesList().map((item) => [item.getKind(), item.getName(), item.getVersion()]);
  expect(found).toEqual([['resource', 'docker', 'v5.2.0']]);
});

test('a program without the SDK is told to install it', async () => {
  const folder = await project({ name: 'p' });
  const request = new language.RunRequest().setInfo(infoOf(folder)).setPwd(folder);
  const response = await new Promise<InstanceType<typeof language.RunResponse>>((resolve, reject) => {
    client.run(request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  expect(response.getError()).toContain('@pulumi/pulumi is not installed');
});

test('what the official host alone does is not implemented', async () => {
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.pack(new language.PackRequest(), (reason) => resolve(reason));
  });
  expect(error?.code).toBe(grpc.status.UNIMPLEMENTED);
});
