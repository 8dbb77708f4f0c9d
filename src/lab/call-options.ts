export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Own time limit of the call in ms. Each call has a default. */
  timeoutMs?: number;
}
