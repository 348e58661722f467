import { expect, test } from "vitest"
import { whatIsWrongWithSchedule } from "./cron-schedule.ts"

test.each([
  "* * * * *",
  "0 0 1 1 0",
  "59 23 31 12 7",
  "*/5 0-6,22 1-15/2 jan-mar mon,Wed,FRI",
  "5 4 * * sun",
  "@daily",
  "@reboot",
])("%s is taken", (schedule) => {
  expect(whatIsWrongWithSchedule(schedule)).toBeUndefined()
})

test.each([
  ["* * * *", "five fields"],
  ["* * * * * *", "five fields"],
  ["*  * * * *", "five fields"],
  ["* * * * *\n* * * * * id", "five fields"],
  ["* * * * *\n", "no day of the week"],
  ["60 * * * *", "60 is no minute"],
  ["* 24 * * *", "24 is no hour"],
  ["* * 0 * *", "0 is no day of the month"],
  ["* * * 13 *", "13 is no month"],
  ["* * * * 8", "8 is no day of the week"],
  ["* * * foo *", "foo is no month"],
  ["30-10 * * * *", "30-10 ends before it begins"],
  ["5/10 * * * *", "a step goes with * or a range"],
  ["*/0 * * * *", "a step goes with * or a range"],
  ["*-5 * * * *", "is no minute"],
  [",5 * * * *", "is no minute"],
  ["@never", "no word that cron knows"],
  ["", "five fields"],
])("%j is refused: %s", (schedule, words) => {
  expect(whatIsWrongWithSchedule(schedule)).toContain(words)
})
