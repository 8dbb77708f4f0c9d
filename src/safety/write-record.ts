/** One write as the client that sent it saw it. */
export interface WriteRecord {
  /** As the system names it. A write that never got a name cannot be looked for. */
  id?: string;
  /** The node that it was sent to. */
  node: string;
  outcome: 'acknowledged' | 'rejected' | 'unknown';
  /** Where the system said that it stands. */
  height?: number;
  /** What it wrote to, where the system has keys. */
  key?: string;
  /**
   * Whose clock its times are of: times, and with them the order of writes, are compared within one client only. Default: all writes are of
   * one client. A process that was started anew is another client.
   */
  client?: string;
  /** On the client's monotonic clock, in ms: right before it was sent, and right after its answer was read. */
  sentMs?: number;
  answeredMs?: number;
}
