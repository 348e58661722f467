import { join } from "node:path"
import { check, command, file, log, type Program, program, secret, task } from "fettle"
import { expect, test } from "vitest"
import { runsIn, testFolder } from "../support/runs.ts"

test("no half of a secret stands in the evidence of a check, wherever its border falls", async () => {
  const folder = testFolder()
  const key = "Zq7-Xw3-Lm9-Kp5-Rt1-Vb8"
  const halves = Array.from({ length: key.length - 5 }, (_, at) => key.slice(at, at + 6))
  /** Says the secret behind so many characters: on one line of stdout, in a file, in a log, and as the last words of a failure. */
  const asks = (before: number): Program =>
    program("asks", {}, () => {
      const env = { KEY: secret.env("KEY") }
      const says = `printf '%0${before}d%s' 0 "$KEY"`
      const path = join(folder, `said-${before}`)
      const said = task("says", { run: ["sh", "-c", `${says} > '${path}'`], env, values: { before } })
      const after = [said]
      check("stdout", command.succeeds(["sh", "-c", says], { stdout: "x" }, { env }), { after })
      check("last words", command.succeeds(["sh", "-c", `${says} >&2; exit 1`], {}, { env }), { after })
      check("content", file.contains(path, "x"), { after })
      check("log", log.without(path, /0/), { after })
    })
  for (let before = 90; before < 125; before += 1) {
    const { events } = await runsIn(folder, { env: { KEY: key } }).apply(asks(before))
    const said = events.flatMap((event) => (event.type === "check.finished" ? [event] : []))
    expect(said.map(({ verdict }) => verdict)).toEqual(["no", "no", "no", "no"])
    const told = JSON.stringify(events)
    expect(
      halves.filter((half) => told.includes(half)),
      `${before} characters before: ${told}`,
    ).toEqual([])
  }
})

test("of output that is longer than what is kept, nothing is quoted that may begin with half a secret", async () => {
  const folder = testFolder()
  const key = "Zq7-Xw3-Lm9-Kp5-Rt1-Vb8"
  const asks = program("asks", {}, () => {
    const env = { KEY: secret.env("KEY") }
    const says = `i=0; while [ $i -lt 13 ]; do printf %s "$KEY"; i=$((i + 1)); done; printf '%0${(1 << 20) - 280}d' 0`
    check("stdout", command.succeeds(["sh", "-c", says], { stdout: "x" }, { env }))
    check("last words", command.succeeds(["sh", "-c", `${says}; exit 1`], {}, { env }))
  })
  const { events } = await runsIn(folder, { env: { KEY: key } }).apply(asks)
  const evidence = events.flatMap((event) => (event.type === "check.finished" ? [event.evidence] : []))
  expect(evidence.sort()).toEqual(["exit code is 1, expected 0", 'stdout is too long to be quoted, expected "x"'])
})
