export type ImageName = 'node-runtime' | 'prometheus' | 'alertmanager' | 'grafana' | 'toolbox';

export interface DefaultImage {
  /** The image that a registry serves; undefined when none does. */
  registry: string | undefined;
  /** The image that `seatrial images` builds where no registry can be reached; undefined when it cannot build one. */
  local: string | undefined;
}

/** The images that a testnet uses unless its file names others. */
export const defaultImages = {
  'node-runtime': { registry: 'node:24-bookworm-slim', local: 'seatrial/node-runtime:local' },
  prometheus: { registry: 'prom/prometheus:v3.5.0', local: 'seatrial/prometheus:local' },
  alertmanager: { registry: 'prom/alertmanager:v0.28.1', local: 'seatrial/alertmanager:local' },
  grafana: { registry: 'grafana/grafana:12.0.2', local: undefined },
  // What breaks a node on purpose and heals it again runs in containers of it.
  toolbox: { registry: undefined, local: 'seatrial/toolbox:local' },
} as const satisfies Readonly<Record<ImageName, DefaultImage>>;
