import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { check, command, group, type Program, program, resource, secret } from "fettle"
import { expect, onTestFinished, test } from "vitest"
import { takeLock } from "../../src/state/lock.ts"
import { place } from "../cli/fettle.ts"
import { need } from "../support/need.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { thing } from "../support/world.ts"

/** Every file below a folder by the hash of its content. */
function contents(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  const hash = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex")
  return Object.fromEntries(files.map((each) => join(each.parentPath, each.name)).map((path) => [path, hash(path)]))
}

/** A thing and a check of it, in a group with something at its end. */
function checked(folder: string, script = "true"): Program {
  return program("checked", {}, () =>
    group("g", { finally: [["sh", "-c", `echo end >> '${folder}/ends'`]] }, () => {
      const a = resource(thing, "a", { folder: join(folder, "far"), name: "a" })
      check("there", command.succeeds(["sh", "-c", script]), { after: [a] })
    }),
  )
}

const verifyOnly = { verifyOnly: true }

test("asking writes nothing and ends nothing: before there is state, behind an apply, and where a check says no", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  expect(await apply(checked(folder), verifyOnly)).toMatchObject({ exitCode: 0, error: undefined })
  expect(contents(folder)).toEqual({})

  expect((await apply(checked(folder))).outcome).toBe("done")
  expect(readFileSync(join(folder, "ends"), "utf8")).toBe("end\n")
  const made = contents(folder)
  expect(await apply(checked(folder), verifyOnly)).toMatchObject({ exitCode: 0, error: undefined })
  expect(await apply(checked(folder, "exit 1"), verifyOnly)).toMatchObject({ exitCode: 3, outcome: "no" })
  expect(contents(folder)).toEqual(made)
})

test("beside a run it works, and says who is at work", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder, { host: hostname() })
  expect((await apply(checked(folder))).outcome).toBe("done")
  const holder = { who: "ann", host: hostname(), pid: process.pid, command: "apply", since: "2026-01-01T00:00:00Z" }
  const lock = takeLock(join(folder, ".fettle", "checked.dev.lock"), holder)
  const notesOf = async (): Promise<readonly string[]> => {
    const asked = await apply(checked(folder), verifyOnly)
    expect(asked).toMatchObject({ exitCode: 0, error: undefined })
    return asked.events.flatMap((event) => (event.type === "note" ? [event.text] : []))
  }
  expect(await notesOf()).toEqual([
    expect.stringMatching(/^ann on .+ \(pid \d+, fettle apply, since 2026.+ is at work/),
  ])
  lock.release()
  expect(await notesOf()).toEqual([])
})

test("a check that needs a secret which is still to be made is inconclusive, and says why", async () => {
  const folder = testFolder()
  const asks = program("asks", {}, () =>
    check("with", command.succeeds(["sh", "-c", "true"], {}, { env: { KEY: secret.random("made") } })),
  )
  const { exitCode, events } = await runsIn(folder).apply(asks, verifyOnly)
  expect(exitCode).toBe(4)
  expect(events.find((event) => event.type === "check.finished")).toMatchObject({
    verdict: "inconclusive",
    evidence: "secret made has not been made yet",
  })
  expect(existsSync(join(folder, ".fettle"))).toBe(false)
})

const mayMount =
  process.getuid?.() === 0 &&
  need("a root who may mount", { install: "run the tests as root, with CAP_SYS_ADMIN", found: mayUnshare })

function mayUnshare(): boolean {
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

test.skipIf(!mayMount)("it works on a file system that is mounted read-only", async () => {
  const user = place("notes")
  const args = ["--param", "tasks=true", "--param", "count=1"]
  expect(await user.fettle(["apply", "--yes", ...args])).toMatchObject({ code: 0 })
  execFileSync("mount", ["--bind", user.folder, user.folder])
  onTestFinished(() => void execFileSync("umount", [user.folder]))
  execFileSync("mount", ["-o", "remount,bind,ro", user.folder])
  expect(() => writeFileSync(user.path("x"), "")).toThrowError(/EROFS/)
  const asked = await user.fettle(["verify", ...args])
  expect(asked, asked.text).toMatchObject({ code: 0, text: expect.stringContaining("1 check yes") })
})
