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
