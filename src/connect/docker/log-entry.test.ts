import { expect, test } from "vitest"
import { canonicalTime, EntryReader, type LogEntry } from "./log-entry.ts"
import { LogMark } from "./log-mark.ts"

const at = (ms: number): string =>
  `2026-11-26T05:00:${String(Math.floor(ms / 1_000)).padStart(2, "0")}.${String(ms % 1_000).padStart(3, "0")}000000Z`

test.each([
  ["2026-11-26T05:13:36.123456789Z", "2026-11-26T05:13:36.123456789Z"],
  ["2026-11-26T06:13:36.5+01:00", "2026-11-26T05:13:36.500000000Z"],
  ["2026-11-26T05:13:36Z", "2026-11-26T05:13:36.000000000Z"],
  ["yesterday", undefined],
  ["2026-99-26T05:13:36Z", undefined],
])("the time %s", (text, wanted) => {
  expect(canonicalTime(text)).toBe(wanted)
})

/** A log as the Engine keeps it, read with a line that breaks at every byte in turn. */
test("a stream that breaks off anywhere goes on without loss and without doubles", () => {
  const times = [0, 1, 1, 1, 5, 4, 900, 2_500, 2_499, 2_500, 5_100, 5_100, 9_000]
  const log = times.map((ms, n) => ({ time: at(ms), text: `${at(ms)} é${n}${n % 4 === 3 ? "" : "\n"}` }))
  const wanted = readAll([], log)
  const bytes = Buffer.concat(log.map(({ text }) => Buffer.from(text))).length
  for (let cut = 0; cut <= bytes; cut += 1) expect(readAll([cut], log)).toEqual(wanted)
  for (let cut = 0; cut <= bytes; cut += 13)
    for (let again = 0; again <= bytes; again += 11) expect(readAll([cut, again], log)).toEqual(wanted)
})

test("where the log was rotated meanwhile, what is new is not passed over", () => {
  const log = [0, 1, 2, 3].map((ms) => ({ time: at(ms), text: `${at(ms)} ${ms}\n` }))
  const mark = new LogMark()
  for (const { time } of log) {
    expect(mark.isNew(time)).toBe(true)
    mark.seen(time)
  }
  mark.again()
  expect(mark.isNew(at(3))).toBe(false)
  expect(mark.isNew(at(9))).toBe(true)
})

/** Reads a log over connections that break off after so many bytes. */
function readAll(cuts: readonly number[], log: readonly { readonly time: string; readonly text: string }[]) {
  const entries: LogEntry[] = []
  const mark = new LogMark()
  const reader = new EntryReader("c", mark, (entry) => entries.push(entry))
  for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
    const { since } = mark
    mark.again()
    reader.breakOff()
    let left = cut
    for (const { time, text } of log) {
      if (since !== undefined && unixOf(time) < Number(since)) continue
      const record = Buffer.from(text)
      for (let n = 0; n < record.length && left > 0; n += 1, left -= 1)
        reader.take("stdout", record.subarray(n, n + 1), n === record.length - 1)
      if (left === 0) break
    }
  }
  reader.end()
  return entries.map(({ text }) => text)
}

function unixOf(time: string): number {
  return Date.parse(`${time.slice(0, 19)}Z`) / 1_000 + Number(`0.${time.slice(20, 29)}`)
}
