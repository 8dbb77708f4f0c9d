import { cgroupLimit } from './cgroup-limit.ts';
import { down, paused } from './container-faults.ts';
import type { FaultDriver } from './fault-driver.ts';
import { fileSizeLimit } from './file-size-limit.ts';
import { networkCut } from './network-cut.ts';
import { spoiledConfig } from './spoiled-config.ts';
import type { FaultTask } from './task.ts';
import { trafficShape } from './traffic-shape.ts';

/** What does a task. What it writes down before the deed it gets back as it was. */
export function driverOf(task: FaultTask): FaultDriver {
  return chosen(task);
}

function chosen(task: FaultTask) {
  switch (task.kind) {
    case 'cut':
    case 'dns':
      return networkCut(task);
    case 'shape':
      return trafficShape(task);
    case 'pause':
      return paused(task);
    case 'down':
    case 'monitoring-gone':
      return down(task);
    case 'config':
      return spoiledConfig(task);
    case 'disk-full':
      return fileSizeLimit(task);
    case 'cpu':
    case 'memory':
      return cgroupLimit(task);
  }
}
