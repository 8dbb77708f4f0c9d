import { z } from 'zod';

/** Lower-case words joined by dashes: names of testnets, roles and nodes end up in host names, labels and file names. */
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,38}$/, 'must be lower-case letters, digits and dashes, starting with a letter');
const version = z
  .string('must be a version in quotes or with two dots, as in 1.0.0')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$/, 'must be letters, digits and . _ + -');
const path = z.string().min(1).describe('Path relative to this file');
const endpoint = z
  .string()
  .regex(/^http:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'must be an http:// URL without user, query and fragment');
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

const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'must be a number with ms, s, m, h or d, as in 30m or 7d');
const targetName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,38}$/, 'must be lower-case letters, digits and dashes')
  .optional()
  .describe('How the command line names it');

const backupTarget = z.union([
  path.describe('Folder, relative to this file'),
  z.strictObject({ name: targetName, folder: path }),
  z.strictObject({
    name: targetName,
    s3: z.strictObject({
      endpoint: z
        .url('must be a URL, as in https://storage.example:9000')
        .describe('Of the storage, without the bucket'),
      bucket: z.string().min(3),
      prefix: z.string().optional().describe('Put before every key'),
      region: z.string().optional().describe('Default: auto'),
      credentials: path
        .optional()
        .describe('File (0600) with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Default: the environment'),
    }),
  }),
  z.strictObject({
    name: targetName,
    command: z
      .array(z.string())
      .min(1)
      .describe('Program and arguments; it is given put, get, list or remove and a path beside them'),
    env: z.array(z.string()).optional().describe('Names of the environment variables that it is given'),
  }),
]);

const backupSettings = z.strictObject({
  to: z
    .union([backupTarget, z.array(backupTarget).min(1)])
    .optional()
    .describe('Where backups are kept, one place or several. Default: the folder backups/ of the project'),
  keep: z
    .strictObject({
      last: z.int().min(1).optional(),
      daily: z.int().min(1).optional(),
      weekly: z.int().min(1).optional(),
    })
    .optional()
    .describe('Which are kept when a new one is there: so many, and one of each day and week. Default: all'),
  encryptTo: z
    .union([z.string(), z.array(z.string()).min(1)])
    .optional()
    .describe('age recipients that can read the secrets. Default: the identity in .seatrial/backup-identity.txt'),
  every: duration
    .optional()
    .describe('How often somebody takes one; plans compare it with the recovery point objective'),
  maxAge: duration.optional().describe('An older backup is not restored. Default: any age'),
});

const drillSettings = z.strictObject({
  rto: duration.optional().describe('Longest time from a verified disaster to good service'),
  rpo: duration.optional().describe('Age of the oldest acknowledged write that may be lost'),
  participants: z.array(z.string().min(1)).optional().describe('Who takes part; stands in the report'),
  owner: z.string().min(1).optional().describe('Who sees to the action items. Default: left blank'),
  due: duration.optional().describe('Time for the action items, from the begin of the drill. Default: left blank'),
});

const roleSettings = z.strictObject({
  count: z.int().min(0).max(50).optional().describe('Number of nodes of this role'),
  ...nodeSettings,
});

/** stacks/<name>.yaml. Unknown keys are errors. */
export const testnetSchema = z
  .strictObject({
    system: name.describe('System under test: a folder in systems/'),
    lab: z
      .enum(['process', 'docker', 'attached'])
      .describe('Where the nodes run: plain processes on loopback, containers, or wherever others started them'),
    version: version.describe('Release that the nodes run unless said otherwise'),
    releases: z
      .record(version, release)
      .default({})
      .describe('Releases by version: a program, an image, or a build context. None on an attached lab'),
    attach: z
      .record(name, z.record(name, endpoint))
      .optional()
      .describe('Attached lab: where each node answers, by its name and the name of the port'),
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
    drills: drillSettings.optional().describe('What disaster-recovery drills of this testnet are to reach'),
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
    backups: backupSettings.optional().describe('Where backups go, for how long, and who can read their secrets'),
    links: z
      .enum(['proxy', 'direct'])
      .optional()
      .describe(
        'Process lab: nodes reach each other through a proxy, which can cut, delay and narrow each link (default), or directly',
      ),
    bind: z
      .union([z.ipv4('must be an IP address'), z.ipv6('must be an IP address')])
      .default('127.0.0.1')
      .describe('Address on which ports are published'),
  })
  .describe('A Seatrial testnet');

export type TestnetSpec = z.infer<typeof testnetSchema>;
export type GateProfileName = TestnetSpec['gate'];
export type BackupSpec = z.infer<typeof backupSettings>;
export type BackupTargetSpec = z.infer<typeof backupTarget>;
export type ReleaseSpec = z.infer<typeof release>;
export type NodeSettings = z.infer<z.ZodObject<typeof nodeSettings>>;
/** The most nodes that one testnet may have. */
export const maxNodes = 50;

/** The JSON schema that editors use; published as stacks/testnet.schema.json. */
export function testnetJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(testnetSchema, { io: 'input' });
}
