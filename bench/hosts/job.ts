import type { Reached } from "./fleet.ts"

/** The same on every host; each has a folder of its own there. */
export const TARGET = "/srv/fettle-bench"
/** The packages of the mixed scenario; the last brings the service of the same name. */
export const DAEMON = "fettle-bench-daemon"
export const PACKAGES: readonly string[] = ["fettle-bench-one", "fettle-bench-two", "fettle-bench-three", DAEMON]

/** What every tool is to bring about: these files on these hosts. */
export interface Job {
  /** For what the tool writes itself. */
  readonly folder: string
  readonly reached: Reached
  /** The folder of the files' contents, and their names. */
  readonly from: string
  readonly names: readonly string[]
  /** Directories, links, packages, a service and a process, too. */
  readonly mixed: boolean
}

/** A tool made ready for one job. */
export interface Ready {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Makes it forget what it knows of the hosts: state, connections that it keeps. */
  forget?(): void
  /** It leaves a connection behind for its next run. */
  readonly lingers?: true
}

export interface Tool {
  readonly name: string
  ready(job: Job): Ready
  /** Where it takes another command to find that all is as it should be. */
  again?(job: Job): Ready
}

/** How many directories and links the mixed scenario has besides its files. Another kind of thing joins it in each tool's mixed part. */
export const EXTRAS = 5
/** What tools without a kind for it run to have one process of the mixed scenario. */
export const keepRunning = (folder: string): string =>
  `kill -0 "$(cat ${folder}/pid 2>/dev/null)" 2>/dev/null || { mkdir -p ${folder}; setsid sleep 86400 </dev/null >/dev/null 2>&1 & echo $! >${folder}/pid; }`

export const extras: readonly number[] = Array.from({ length: EXTRAS }, (_, at) => at)
