import { delimiter, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { layoutOf } from './setup/layout.ts';

/**
 * The variables with which a plain `pulumi` works in the project folder `root`. Backend and passphrase are left out where the
 * user has set them. PATH starts with the toolchain and the Node that runs this.
 */
export function toolchainEnvironment(
  { root }: { root: string },
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const layout = layoutOf(root);
  const first = [layout.bin, dirname(process.execPath)];
  const rest = (environment['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !first.includes(folder));
  const hasBackend = isSet(environment, 'PULUMI_BACKEND_URL', 'PULUMI_ACCESS_TOKEN');
  const hasPassphrase = isSet(environment, 'PULUMI_CONFIG_PASSPHRASE', 'PULUMI_CONFIG_PASSPHRASE_FILE');
  return {
    PATH: [...first, ...rest].join(delimiter),
    PULUMI_HOME: layout.pulumiHome,
    ...(hasBackend ? {} : { PULUMI_BACKEND_URL: pathToFileURL(layout.state).href }),
    ...(hasPassphrase ? {} : { PULUMI_CONFIG_PASSPHRASE: '' }),
    PULUMI_SKIP_UPDATE_CHECK: '1',
  };
}

function isSet(environment: NodeJS.ProcessEnv, ...names: string[]): boolean {
  return names.some((name) => environment[name] !== undefined);
}
