import { labels, map, type ResourceSchema, text } from './shape.ts';

/** The part of the official provider's Volume that the offline provider has. Docker changes no volume in place. */
export const volumeSchema: ResourceSchema = {
  token: 'docker:index/volume:Volume',
  isExclusive: () => false,
  properties: {
    name: { shape: text },
    driver: { shape: text, isComputed: true },
    driverOpts: { shape: map },
    labels: { shape: labels },
  },
  unsupported: ['cluster'],
};
