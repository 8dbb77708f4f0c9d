import { bool, labels, map, objectOf, type ResourceSchema, setOf, text } from './shape.ts';

/** The part of the official provider's Network that the offline provider has. Docker changes no network in place. */
export const networkSchema: ResourceSchema = {
  token: 'docker:index/network:Network',
  isExclusive: (inputs) => inputs['ipamConfigs'] !== undefined,
  properties: {
    name: { shape: text },
    attachable: { shape: bool, isComputed: true },
    driver: { shape: text, isComputed: true },
    internal: { shape: bool, isComputed: true },
    ipamConfigs: {
      shape: setOf(
        objectOf({
          subnet: { shape: text },
          gateway: { shape: text },
          ipRange: { shape: text },
          auxAddress: { shape: map },
        }),
      ),
      isComputed: true,
    },
    ipamDriver: { shape: text, default: 'default', isFixed: true },
    ipv6: { shape: bool },
    labels: { shape: labels },
    options: { shape: map, isComputed: true },
  },
  unsupported: ['ingress', 'ipamOptions'],
};
