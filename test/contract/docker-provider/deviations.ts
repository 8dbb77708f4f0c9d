/**
 * Where the offline provider differs from the official one, on purpose: the official one calls these changes updates, but they
 * never reach the container, and only creation can bring them about.
 */
export const deviations: Record<
  string,
  { op: 'same' | 'replace' | 'refused'; replaceKeys: string[] | null; why: string }
> = {
  healthcheck: { op: 'replace', replaceKeys: ['healthcheck'], why: 'Docker cannot change a health check' },
  healthInterval: { op: 'same', replaceKeys: null, why: '2s and 2000ms are the same duration' },
  mustRun: { op: 'replace', replaceKeys: ['mustRun'], why: 'it says what creation means' },
  wait: { op: 'replace', replaceKeys: ['wait'], why: 'it says what creation means' },
  tmpfs: { op: 'replace', replaceKeys: ['tmpfs'], why: 'Docker cannot change mounts' },
  init: { op: 'replace', replaceKeys: ['init'], why: 'Docker cannot change the first process' },
  cpuSet: { op: 'refused', replaceKeys: null, why: 'not one of the supported properties' },
};
