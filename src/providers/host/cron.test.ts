import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { type HostAnswer, hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import { cron } from "./cron.ts"

const kind = hostKindOf(cron)
if (kind === undefined) throw new Error("host.cron is no host kind")

const want = (props: object = {}) => cron.props.parse({ name: "a", schedule: "@daily", command: "date +%F", ...props })
const answer = (props: object, out: string, exitCode = 0, path: PathSeen = "absent") => {
  const found: HostAnswer = { path: () => path, local: () => ({ failed: "" }), script: { exitCode, out, err: "" } }
  return kind.answer({ address: "host.cron[a]" as Address, want: want(props) }, found, (hash) => hash)
}

test.each([
  ["no crontab, or no entry", "", 0, { absent: true }],
  ["an entry", "there\n@daily x\n", 0, { outputs: { name: "a", entry: "@daily x" } }],
  ["a mark with nothing below it", "there\n", 0, { outputs: { name: "a", entry: "" } }],
  ["no cron", "", 32, { failed: expect.objectContaining({ code: "HOST_TOOLS", fact: "the host has no crontab" }) }],
  [
    "what may not be read",
    "must be privileged\n",
    20,
    { failed: expect.objectContaining({ code: "READ_FAILED", fact: "must be privileged" }) },
  ],
])("answer: %s", (_what, out, exitCode, seen) => {
  expect(answer({}, out, exitCode)).toEqual(seen)
})

test("a link in cron.d is not ours to follow", () => {
  const link = { type: "link", to: "/x", mode: "0777", sizeBytes: 1, uid: 0, gid: 0, owner: "", group: "" } as const
  expect(answer({ in: "cron.d" }, "", 0, link)).toMatchObject({ failed: { code: "FILE_REFUSED" } })
})

describe("what is wanted and what is there decide the change", () => {
  test.each([
    ["nothing", { absent: true }, { action: "create", text: "@@ -0,0 +1 @@\n+@daily date +\\%F" }],
    ["as wanted", { outputs: { name: "a", entry: "@daily date +\\%F" } }, { action: "none" }],
    [
      "another time",
      { outputs: { name: "a", entry: "@hourly date +\\%F" } },
      {
        action: "update",
        props: ["schedule"],
        because: "the entry differs",
        text: "@@ -1 +1 @@\n-@hourly date +\\%F\n+@daily date +\\%F",
      },
    ],
  ] as const)("%s", (_what, seen, change) => {
    expect(cron.plan(want(), seen as never, undefined)).toEqual(change)
  })
})

test("each place has its own names, and its own way out", () => {
  expect([{}, { user: "app" }, { in: "cron.d" }].map((props) => cron.id(want(props)))).toEqual([
    "crontab of fettle's user: a",
    "crontab app: a",
    "/etc/cron.d/a",
  ])
  const seen = { outputs: { name: "a", entry: "x\n" } }
  const removal = kind.removal(seen, { props: want({ in: "cron.d" }), outputs: seen.outputs })
  expect(removal).toEqual({ removes: [{ path: "/etc/cron.d/a", expect: expect.stringMatching(/^[0-9a-f]{64}$/) }] })
})

test.each([
  [{ schedule: "61 * * * *" }, "61 is no minute"],
  [{ command: "a\nb" }, "a command of cron is one line"],
  [{ name: "a.b" }, "a name is letters"],
  [{ user: "-x" }, "a user is a name"],
  [{ env: { A: "1" } }, "variables of a crontab hold for all its entries"],
])("%o is refused: %s", (props, words) => {
  const result = cron.props.safeParse({ name: "a", schedule: "@daily", command: "x", ...props })
  expect(result.success ? "" : JSON.stringify(result.error.issues)).toContain(words)
})

test.each([
  ["ours", "@daily date +\\%F", "1 1 * * * before\n2 2 * * * after\n"],
  ["somebody else's", "9 9 * * * theirs", "1 1 * * * before\n9 9 * * * theirs\n2 2 * * * after\n"],
])("a removal takes the mark, and the line below it only where it is ours: %s", (_what, line, left) => {
  const folder = mkdtempSync(join(tmpdir(), "cron-"))
  try {
    const table = join(folder, "table")
    writeFileSync(table, `1 1 * * * before\n# fettle: a\n${line}\n2 2 * * * after\n`)
    const program = `#!/bin/sh\nif [ "$1" = -l ]; then cat '${table}'; else cat >'${table}'; fi\n`
    writeFileSync(join(folder, "crontab"), program, { mode: 0o755 })
    const seen = { outputs: { name: "a", entry: line } }
    const { script = "" } = kind.removal(seen, { props: want(), outputs: { name: "a", entry: "@daily date +\\%F" } })
    execFileSync("sh", ["-c", script as string], { env: { PATH: `${folder}:${process.env.PATH}`, S: folder } })
    expect(readFileSync(table, "utf8")).toBe(left)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
