import type { PairProbe } from '../../faults.ts';
import type { ProbeReport } from './agent/task.ts';

/**
 * What the probes at both ends say of one direction. Datagrams show a direction alone. A stream needs both: where the way back is cut it
 * stalls though its data could arrive, and then says nothing; where both ways are open it must deliver as well.
 */
export function judgePair(
  from: string,
  to: string,
  reports: ReadonlyMap<string, ProbeReport>,
  lacks: ReadonlyMap<string, string>,
): PairProbe {
  const near = reports.get(from);
  const far = reports.get(to);
  const detail = [from, to].flatMap((name) => (reports.has(name) ? [] : [lacks.get(name) ?? `${name} was not asked`]));
  if (!near || !far) {
    return { from, to, fresh: 'unknown', established: 'unknown', detail: detail.join('; ') };
  }
  const fresh = near.fresh[to];
  const there = far.heard[from];
  const back = near.heard[to];
  const isStalled = there?.udp === true && back?.udp === true && !there.tcp;
  const details = [
    ...(fresh?.detail === undefined ? [] : [fresh.detail]),
    ...(isStalled ? ['the stream that was open before delivers nothing yet'] : []),
  ];
  return {
    from,
    to,
    fresh: fresh === undefined ? 'unknown' : fresh.isOk ? 'ok' : 'blocked',
    established: there === undefined ? 'unknown' : there.udp && !isStalled ? 'ok' : 'blocked',
    ...(fresh?.roundTripMs !== undefined && { roundTripMs: fresh.roundTripMs }),
    ...(details.length > 0 && { detail: details.join('; ') }),
  };
}
