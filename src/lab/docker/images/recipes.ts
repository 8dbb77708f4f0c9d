import type { ImageName } from './default-images.ts';

/** An image made from Debian or Ubuntu packages, as data. What it gives a container agrees with the registry image it stands for. */
export interface Recipe {
  packages: readonly string[];
  /** Paths of the packages that are left out and, among them, those that are kept. Shell patterns. */
  exclude: readonly string[];
  keep: readonly string[];
  users: readonly { name: string; uid: number; home: string }[];
  /** Folders owned by a user, so that fresh volumes there are writable. */
  folders: readonly { path: string; uid: number }[];
  links: readonly { path: string; target: string }[];
  /** Whether the Node.js binary of this installation goes in, as /usr/local/bin/node. */
  hasNode: boolean;
  /** Dockerfile instructions that set the image's configuration. */
  changes: readonly string[];
  /** A command that must end with exit code 0 in a container of the image. */
  proof: readonly string[];
}

/** A shell for health checks and for people, nothing to install with. */
const BASE_PACKAGES = ['base-files', 'bash', 'dash', 'coreutils', 'libc6'];
const EXCLUDE = ['/usr/share/*', '/usr/lib/*/perl*', '/usr/lib/*/gconv/*', '/usr/bin/perl*', '/usr/lib/systemd/*'];
const NOBODY = 65_534;

// Folders under /var/lib are where Debian's builds keep their data when they are given no path.

export const recipes: Readonly<Partial<Record<ImageName, Recipe>>> = {
  'node-runtime': {
    packages: [...BASE_PACKAGES, 'libstdc++6', 'libgcc-s1'],
    exclude: EXCLUDE,
    keep: [],
    users: [{ name: 'node', uid: 1000, home: '/home/node' }],
    folders: [{ path: '/home/node', uid: 1000 }],
    links: [],
    hasNode: true,
    changes: ['CMD ["node"]'],
    proof: ['node', '--version'],
  },
  // It runs as root, with all capabilities dropped but the one that each task needs.
  toolbox: {
    packages: [...BASE_PACKAGES, 'libstdc++6', 'libgcc-s1', 'nftables', 'iproute2', 'util-linux'],
    exclude: EXCLUDE,
    keep: [],
    users: [],
    folders: [],
    links: [],
    hasNode: true,
    changes: ['CMD ["node"]'],
    proof: ['/bin/sh', '-c', 'node --version && nft --version && tc -Version && prlimit --version'],
  },
  prometheus: {
    packages: [...BASE_PACKAGES, 'prometheus'],
    exclude: EXCLUDE,
    keep: ['/usr/share/prometheus/*'],
    users: [],
    folders: [
      { path: '/prometheus', uid: NOBODY },
      { path: '/var/lib/prometheus/metrics2', uid: NOBODY },
    ],
    links: [{ path: '/bin/prometheus', target: '/usr/bin/prometheus' }],
    hasNode: false,
    changes: [
      `USER ${NOBODY}:${NOBODY}`,
      'EXPOSE 9090',
      'WORKDIR /prometheus',
      'ENTRYPOINT ["/bin/prometheus"]',
      'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
    ],
    proof: ['/bin/prometheus', '--version'],
  },
  alertmanager: {
    packages: [...BASE_PACKAGES, 'prometheus-alertmanager'],
    exclude: EXCLUDE,
    keep: ['/usr/share/prometheus/*'],
    users: [],
    folders: [
      { path: '/alertmanager', uid: NOBODY },
      { path: '/etc/alertmanager', uid: NOBODY },
      { path: '/var/lib/prometheus/alertmanager', uid: NOBODY },
    ],
    links: [
      { path: '/bin/alertmanager', target: '/usr/bin/prometheus-alertmanager' },
      { path: '/etc/alertmanager/alertmanager.yml', target: '/etc/prometheus/alertmanager.yml' },
    ],
    hasNode: false,
    changes: [
      `USER ${NOBODY}:${NOBODY}`,
      'EXPOSE 9093',
      'WORKDIR /alertmanager',
      'ENTRYPOINT ["/bin/alertmanager"]',
      'CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]',
    ],
    proof: ['/bin/alertmanager', '--version'],
  },
};
