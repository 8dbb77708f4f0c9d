export type ImageName = 'node-runtime' | 'prometheus' | 'alertmanager' | 'grafana';

export interface DefaultImage {
  /** The image that a registry serves. */
  registry: string;
  /** The image that `seatrial images` builds where no registry can be reached; undefined when it cannot build one. */
  local: string | undefined;
}

/** The images that a testnet uses unless its file names others. */
export const defaultImages: Readonly<Record<ImageName, DefaultImage>> = {
  'node-runtime': { registry: 'node:24-bookworm-slim', local: 'seatrial/node-runtime:local' },
  prometheus: { registry: 'prom/prometheus:v3.5.0', local: 'seatrial/prometheus:local' },
  alertmanager: { registry: 'prom/alertmanager:v0.28.1', local: 'seatrial/alertmanager:local' },
  grafana: { registry: 'grafana/grafana:12.0.2', local: undefined },
};
