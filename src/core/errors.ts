/** Who must act on an error; the command line maps it to its exit code. */
export type ErrorCode =
  'spec' | 'usage' | 'unsupported' | 'unsafe' | 'drift' | 'locked' | 'lab' | 'aborted' | 'cleanup';

interface ErrorOptionsWithDetails {
  cause?: unknown;
  /** Facts for machines: target, durations, last value seen. Never secrets. */
  details?: Record<string, unknown>;
}

/** Base of all errors that Seatrial raises on purpose. An unhealthy network is a verdict, not an error. */
export class SeatrialError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsWithDetails = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.name = new.target.name;
  }
}

/** A place in a file; line and column count from 1. */
export interface SourcePosition {
  file: string;
  line: number;
  column: number;
}

export interface SpecProblem {
  /** What is wrong, and the nearest valid thing where there is one. */
  message: string;
  /** Path inside the document, as in `nodes.validator.count`. */
  path?: string;
  position?: SourcePosition;
}

/** The author of a testnet file, runbook or profile must act. One error carries all problems that were found. */
export class SpecError extends SeatrialError {
  readonly problems: readonly SpecProblem[];

  constructor(problems: readonly SpecProblem[], options: ErrorOptionsWithDetails = {}) {
    super('spec', problems.map(formatProblem).join('\n'), { details: { problems }, ...options });
    this.problems = problems;
  }
}

function formatProblem({ message, position }: SpecProblem): string {
  return position ? `${position.file}:${position.line}:${position.column}: ${message}` : message;
}

/** Wrong use of a command or of the public API. */
export class UsageError extends SeatrialError {
  constructor(message: string, options?: ErrorOptionsWithDetails) {
    super('usage', message, options);
  }
}

/** A step was refused before anything was touched: no quorum margin, drift, a capability that is missing, or a held lock. */
export class RefusedError extends SeatrialError {}

/** The lab (a process, the container engine, a disk) did not do what was asked. */
export class LabError extends SeatrialError {
  constructor(message: string, options?: ErrorOptionsWithDetails) {
    super('lab', message, options);
  }
}

/** A wait or operation ended because its signal was aborted. */
export class AbortedError extends SeatrialError {
  constructor(message: string, options?: ErrorOptionsWithDetails) {
    super('aborted', message, options);
  }
}

/** Something that Seatrial owns could not be removed. `first` is the error that made the clean-up necessary, never hidden. */
export class CleanupError extends SeatrialError {
  readonly first: unknown;

  constructor(message: string, options: ErrorOptionsWithDetails & { first?: unknown } = {}) {
    super('cleanup', message, options);
    this.first = options.first;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
