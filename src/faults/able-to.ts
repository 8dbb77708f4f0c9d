import type { CallOptions } from '../lab/call-options.ts';
import type { FaultAction, FaultPort } from '../lab/faults.ts';

/** Whether a lab can do exactly this: `true`, or the sentence that says what is missing. */
export async function ableTo(faults: FaultPort, action: FaultAction, options: CallOptions): Promise<true | string> {
  return faults.canDo ? faults.canDo(action, options) : (await faults.capabilities(options))[action.kind];
}
