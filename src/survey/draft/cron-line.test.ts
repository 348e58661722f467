import { expect, test } from "vitest"
import { cronLine, settingOf } from "./cron-line.ts"

test.each([
  ["5 4 * * * /srv/a", false, { schedule: "5 4 * * *", command: "/srv/a" }],
  [" 5\t4 *  * mon   a  b ", false, { schedule: "5 4 * * mon", command: "a  b " }],
  ["@daily  x", false, { schedule: "@daily", command: "x" }],
  ["@daily ann  x y", true, { schedule: "@daily", user: "ann", command: "x y" }],
  ["* * * * *\troot\tx", true, { schedule: "* * * * *", user: "root", command: "x" }],
  ["* * * * * root", true, undefined],
  ["* * * * ", false, undefined],
  ["@daily", false, undefined],
  ["", false, undefined],
])("the entry %j", (line, isSystem, entry) => {
  expect(cronLine(line, isSystem)).toEqual(entry)
})

test.each([
  ["MAILTO=a@b", { name: "MAILTO", value: "a@b" }],
  [` PATH = "/usr/bin:/bin" `, { name: "PATH", value: "/usr/bin:/bin" }],
  ["X='a b'", { name: "X", value: "a b" }],
  ["E=", { name: "E", value: "" }],
  ["5 4 * * * A=b c", undefined],
])("the setting %j", (line, setting) => {
  expect(settingOf(line)).toEqual(setting)
})
