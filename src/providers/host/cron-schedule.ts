const WORDS = /^@(reboot|hourly|daily|midnight|weekly|monthly|yearly|annually)$/
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

interface Field {
  readonly name: string
  readonly from: number
  readonly to: number
  /** Names that stand for the numbers from `from` on. */
  readonly names?: readonly string[]
}

const FIELDS: readonly Field[] = [
  { name: "minute", from: 0, to: 59 },
  { name: "hour", from: 0, to: 23 },
  { name: "day of the month", from: 1, to: 31 },
  { name: "month", from: 1, to: 12, names: MONTHS },
  { name: "day of the week", from: 0, to: 7, names: DAYS },
]

/**
 * Why cron would not take a schedule, or undefined where it would.
 * @example whatIsWrongWithSchedule("61 * * * *") // "61 is no minute"
 */
export function whatIsWrongWithSchedule(schedule: string): string | undefined {
  if (schedule.startsWith("@")) return WORDS.test(schedule) ? undefined : `${schedule} is no word that cron knows`
  const parts = schedule.split(" ")
  if (parts.length !== FIELDS.length)
    return "a schedule has five fields, with one space between them: minute, hour, day of the month, month, day of the week"
  return parts.map((part, at) => wrongIn(part, FIELDS[at] as Field)).find((wrong) => wrong !== undefined)
}

function wrongIn(part: string, field: Field): string | undefined {
  for (const item of part.split(",")) {
    const match = /^(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:\/(\d+))?$/i.exec(item)
    if (match === null || (match[1] === "*" && match[2] !== undefined))
      return `${JSON.stringify(item)} is no ${field.name}`
    const [from, to] = [match[1] as string, match[2]].map((each) =>
      each === undefined || each === "*" ? each : numberOf(each, field),
    )
    if (from === "" || to === "") return `${item} is no ${field.name}`
    if (to !== undefined && Number(from) > Number(to)) return `${item} ends before it begins`
    if (match[3] !== undefined && (Number(match[3]) < 1 || (match[1] !== "*" && to === undefined)))
      return `${item}: a step goes with * or a range, and is 1 or more`
  }
  return undefined
}

/** A number or a name as a number; "" where the field has none such. */
function numberOf(text: string, { from, to, names }: Field): string {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return String(from + named)
  return /^\d{1,2}$/.test(text) && Number(text) >= from && Number(text) <= to ? text : ""
}
