/** A number as people read it: 1,000. */
export function count(amount: number): string {
  return String(amount).replace(/\B(?=(\d{3})+$)/g, ",")
}

/** An amount with its noun: "1 check", "3 checks". */
export function several(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}

/** A time span with as much exactness as a reader uses: "41ms", "4.2s", "42s", "1m 05s", "2h 10m". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}s`
  return seconds(Math.round(ms / 1_000) * 1_000)
}

/** A time span in whole seconds, for what is still going on: "3s", "1m 05s", "2h 10m". */
export function seconds(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1_000))
  if (whole < 60) return `${whole}s`
  if (whole < 3_600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  return `${Math.floor(whole / 3_600)}h ${two(Math.floor((whole % 3_600) / 60))}m`
}

function two(amount: number): string {
  return String(amount).padStart(2, "0")
}

const UNITS = ["bytes", "KB", "MB", "GB", "TB", "PB"] as const
/** What a unit is of the one before it, as `df -h` and `free -h` have it. */
const STEP = 1_024

/** A size as people read it: "512 bytes", "1.5 MB", "24 GB". */
export function size(bytes: number): string {
  let amount = Math.max(0, bytes)
  let unit = 0
  while (amount >= STEP && unit < UNITS.length - 1) {
    amount /= STEP
    unit += 1
  }
  return `${amount < 9.95 && unit > 0 ? amount.toFixed(1) : count(Math.round(amount))} ${UNITS[unit]}`
}

const MINUTE_S = 60
const HOUR_S = 3_600
const DAY_S = 86_400

/** How long ago or how long yet, roughly: "3 minutes", "5 hours", "12 days". */
export function roughly(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < HOUR_S) return several(Math.floor(whole / MINUTE_S), "minute")
  if (whole < 2 * DAY_S) return several(Math.floor(whole / HOUR_S), "hour")
  return several(Math.floor(whole / DAY_S), "day")
}
