export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type Log = (level: LogLevel, msg: string, fields?: Readonly<Record<string, unknown>>) => void;

/** One JSON object per line: ts, level, msg, then the fields. Lines below `lowest` are dropped. */
export function jsonLog(lowest: LogLevel, write: (line: string) => void): Log {
  return (level, msg, fields) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(lowest)) return;
    write(`${JSON.stringify({ ts: new Date().toISOString(), level, msg, ...fields })}\n`);
  };
}
