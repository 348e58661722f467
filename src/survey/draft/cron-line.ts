/** An entry of cron, in the words of props. */
export interface CronLine {
  /** With one blank between its fields. */
  readonly schedule: string
  readonly command: string
  /** In a file of the system. */
  readonly user?: string
}

/** Takes a line apart; undefined where it is none. `isSystem`: a user stands before the command. Pure. */
export function cronLine(line: string, isSystem = false): CronLine | undefined {
  const match = /^[ \t]*(@\w+|(?:[^@\s]\S*[ \t]+){4}\S+)[ \t]+(.*)$/.exec(line)
  const [, when, rest = ""] = match ?? []
  if (when === undefined) return undefined
  const schedule = when.replace(/[ \t]+/g, " ")
  if (!isSystem) return rest === "" ? undefined : { schedule, command: rest }
  const [, user, command] = /^(\S+)[ \t]+(.+)$/.exec(rest) ?? []
  return user === undefined || command === undefined ? undefined : { schedule, user, command }
}

/** `NAME = "value"`, as cron reads it; undefined where a line is none. */
export function settingOf(line: string): { readonly name: string; readonly value: string } | undefined {
  const [, name, text = ""] = /^\s*["']?([A-Za-z_]\w*)["']?\s*=\s*(.*?)\s*$/.exec(line) ?? []
  if (name === undefined) return undefined
  const value = /^"(.*)"$|^'(.*)'$/.exec(text)
  return { name, value: value?.[1] ?? value?.[2] ?? text }
}
