/** How the scripts of packages end where not well. */
export const ENDS = {
  /** Somebody else works with packages, for longer than we wait. */
  locked: 40,
  notRoot: 41,
  noManager: 42,
  /** The manager ended well, and the package is not there, or still is. */
  notSo: 43,
  unknown: 44,
  /** To remove it would take others along. */
  needed: 45,
} as const

/**
 * The shell functions of one manager, for `set --` names or specs.
 *
 * facts NAME…    says what is there: `name TAB architecture TAB status TAB version` a line. Its exit code is not 0 where that cannot be told.
 * newest NAME…   says what its lists know, without refreshing them: `name TAB version` a line for each that would be upgraded to it.
 * add SPEC…      installs, and upgrades where `latest` is 1; sets `o` and `r` as `run` does.
 * drop NAME…     removes what is there, and nothing else.
 * refresh        brings the package lists up to date.
 * old MINUTES    true where the lists are older.
 * locked         true where `o` says that somebody else works.
 * stale          true where `o` says that newer lists could help.
 * unknown        true where `o` says that there is no such package; sets `w` to the lines that say so.
 */
export interface PackageTool {
  readonly facts: string
  readonly newest: string
  readonly change: string
  /** How name and version are asked for. */
  spec(name: string, version: string | undefined): string
}
