import { z } from 'zod';

/** Lower-case words joined by dashes: names of testnets, roles and nodes end up in host names, labels and file names. */
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,38}$/, 'must be lower-case letters, digits and dashes, starting with a letter');
const version = z
  .string('must be a version in quotes or with two dots, as in 1.0.0')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$/, 'must be letters, digits and . _ + -');
const path = z.string().min(1).describe('Path relative to this file');
const flagValue = z.union([z.string(), z.number(), z.boolean()]);

const nodeSettings = {
  version: version.optional().describe('Release of these nodes. Default: the testnet’s version'),
  flags: z.record(z.string(), flagValue).optional().describe('Feature flags, as the system profile understands them'),
  env: z.record(z.string(), z.string()).optional().describe('Additional environment variables; never secrets'),
  memoryMb: z.int().min(32).optional().describe('Memory limit in MiB (container labs). Default: none'),
  cpus: z.number().min(0.01).optional().describe('CPU limit in cores (container labs). Default: none'),
};

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 lower-case hex digits');

const release = z.union([
  z.strictObject({
    program: path.describe('Program file that the system’s runtime executes'),
    digest: digest.optional().describe('Refuse the file when its SHA-256 differs'),
  }),
  z.strictObject({
    image: z.string().min(1).describe('Image reference or id (container labs)'),
    digest: digest.optional().describe('Refuse the image when its id differs'),
  }),
  z.strictObject({
    build: z.strictObject({
      context: path.describe('Folder that the release is built from'),
      dockerfile: z.string().optional().describe('Build an image with this file of the context instead of a program'),
      args: z
        .record(z.string(), z.union([z.string(), z.number()]))
        .optional()
        .describe('Arguments of the build'),
    }),
    digest: digest.optional(),
  }),
]);

const monitoringSettings = z.strictObject({
  rules: z.array(path).optional().describe('Own Prometheus rule files, loaded unchanged'),
  alertmanager: path.optional().describe('Own alertmanager.yml, loaded unchanged'),
  dashboards: z.array(path).optional().describe('Own Grafana dashboards (JSON), loaded unchanged'),
});

const roleSettings = z.strictObject({
  count: z.int().min(0).max(50).optional().describe('Number of nodes of this role'),
  ...nodeSettings,
});

/** stacks/<name>.yaml. Unknown keys are errors. */
export const testnetSchema = z
  .strictObject({
    system: name.describe('System under test: a folder in systems/'),
    lab: z.enum(['process', 'docker']).describe('Where the nodes run: plain processes on loopback, or containers'),
    version: version.describe('Release that the nodes run unless said otherwise'),
    releases: z.record(version, release).describe('Releases by version: a program, an image, or a build context'),
    nodes: z
      .record(name, z.union([z.int().min(0).max(50), roleSettings]))
      .describe('Nodes by role: a number, or settings with a count'),
    overrides: z
      .record(name, z.strictObject(nodeSettings))
      .optional()
      .describe('Settings of single nodes, by node name'),
    gate: z.enum(['smoke', 'quick', 'standard', 'soak']).default('standard').describe('Health gate between steps'),
    availability: z
      .enum(['keep', 'halt-allowed'])
      .default('keep')
      .describe('halt-allowed: a step may stop the whole system for its duration'),
    contract: z
      .enum(['enforce', 'warn', 'off'])
      .default('enforce')
      .describe(
        'When a changed node has lost or changed a metric, a label or a log field: fail its gate, say so, or do not look',
      ),
    load: z
      .strictObject({
        perSecond: z.number().min(0).max(1000).describe('Transactions a second offered during a run. Default 10'),
      })
      .optional()
      .describe('Traffic that a run offers'),
    monitoring: z
      .union([z.boolean(), monitoringSettings])
      .default(false)
      .describe('Prometheus, Alertmanager and Grafana beside the nodes (container labs)'),
    images: z
      .strictObject({
        runtime: z.string().optional().describe('Image that runs releases which are programs'),
        prometheus: z.string().optional(),
        alertmanager: z.string().optional(),
        grafana: z.string().optional(),
      })
      .optional()
      .describe('Image references. Default: the public ones, or those that `seatrial images` built'),
    bind: z
      .union([z.ipv4('must be an IP address'), z.ipv6('must be an IP address')])
      .default('127.0.0.1')
      .describe('Address on which ports are published'),
  })
  .describe('A Seatrial testnet');

export type TestnetSpec = z.infer<typeof testnetSchema>;
export type GateProfileName = TestnetSpec['gate'];
export type ReleaseSpec = z.infer<typeof release>;
export type NodeSettings = z.infer<z.ZodObject<typeof nodeSettings>>;
/** The most nodes that one testnet may have. */
export const maxNodes = 50;

/** The JSON schema that editors use; published as stacks/testnet.schema.json. */
export function testnetJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(testnetSchema, { io: 'input' });
}
