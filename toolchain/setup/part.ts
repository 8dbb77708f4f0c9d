/** A program that a working Pulumi engine consists of. */
export interface ToolchainPart {
  /** The program's name, as in `pulumi-resource-docker`. */
  name: string;
  /** `path`: the user's own. `official`: downloaded. `offline`: built here. `missing`: not there; `seatrial setup` gets it. */
  source: 'path' | 'official' | 'offline' | 'missing';
  /** Without a leading v; undefined when missing. */
  version: string | undefined;
  /** Absolute path of the program; undefined when missing. */
  path: string | undefined;
}

/** What each step of setup gets. */
export interface SetupContext {
  signal: AbortSignal | undefined;
  /** Told one line at each step. */
  onProgress: (line: string) => void;
  environment: NodeJS.ProcessEnv;
}
