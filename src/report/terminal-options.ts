/** What a terminal reporter is given; it reads nothing of the process itself. */
export interface TerminalOptions {
  readonly write: (text: string) => void
  /** Asked before each line is made, so that a resized terminal is noticed. 0 where it is not known. */
  readonly columns: () => number
  /** Rows of the terminal: the live area never outgrows them. */
  readonly rows?: (() => number) | undefined
  /** False for NO_COLOR: no style at all. */
  readonly color: boolean
  /** Whether what was written can be drawn over: lines that only grow are written otherwise. */
  readonly isTTY: boolean
  /** Shows all: logs as they come, reads, unchanged nodes, whole lists. */
  readonly verbose: boolean
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: (() => number) | undefined
  /** Folder that places are shown relative to. */
  readonly root?: string | undefined
}
