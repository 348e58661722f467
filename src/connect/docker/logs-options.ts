/** What is read of logs. */
export interface LogsOptions {
  /**
   * Whether to wait for more: "running" until the container stops, "present" until it is removed, over stops and starts. Default: only
   * what is there.
   */
  readonly follow?: "running" | "present"
  /** Only entries from this time on, as `new Date().toISOString()` gives it. */
  readonly since?: string
  /** Begin with so many of the last entries of each container. Default: all. */
  readonly tail?: number
  /** Default: both. */
  readonly streams?: readonly ("stdout" | "stderr")[]
  /** How long the Engine may be away while its logs are followed, in milliseconds. Default 60,000. */
  readonly awayMs?: number
  readonly signal?: AbortSignal
}
