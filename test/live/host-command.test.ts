import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Address } from "../../src/program/address.ts"
import type { Last } from "../../src/provider.ts"
import { secret } from "../../src/secrets/sources.ts"
import { Faulty } from "../../src/testing/faulty.ts"
import { errorsOf, Runs } from "../../src/testing/runs.ts"
import { conformsTests } from "../../src/testing.ts"
import {
  carrierFor,
  cleanUp,
  type Done,
  failures,
  HostWorld,
  left,
  newFolder,
  node,
  shellsHere,
  type TestNode,
} from "./host-world.ts"

afterAll(cleanUp)

function outputsOf(done: ReadonlyMap<string, Done>): { readonly stdout: string } {
  const result = done.get("c")?.result
  return (result !== undefined && "outputs" in result ? result.outputs : {}) as never
}

describe.each(shellsHere())("commands through %s", (shell) => {
  let world: HostWorld
  let folder: string

  beforeEach(async () => {
    folder = newFolder()
    const options = carrierFor(shell, "command")
    // Another user must find the tools, too.
    if (shell === "busybox") chmodSync(options.prefix?.[1]?.replace("PATH=", "") ?? "", 0o755)
    world = await HostWorld.open(options)
  })

  afterEach(() => world.close())

  const command = (props: object): TestNode => node(host.command, "c", { name: "c", cwd: folder, ...props })
  const recorded = (one: TestNode, done: ReadonlyMap<string, Done>): TestNode => ({
    ...one,
    last: left(one, done).last as Last<unknown, unknown>,
  })
  const actionOf = async (one: TestNode): Promise<string> =>
    (await world.apply([one])).get("c")?.change.action ?? "failed"
  const ran = (): number => readFileSync(join(folder, "ran"), "utf8").split("\n").length - 1

  test("a list of words is not for a shell; what it writes comes back, and its end where it is long", async () => {
    const odd = ["it's", "$(id)", "a\nb", "-n", "*", ""]
    const done = await world.apply([command({ command: ["printf", "[%s]", ...odd] })])
    expect(done.get("c")?.result).toMatchObject({
      outputs: { name: "c", exitCode: 0, stdout: odd.map((each) => `[${each}]`).join("") },
    })
    const long = await world.apply([
      command({ script: "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done" }),
    ])
    const { stdout } = outputsOf(long)
    expect(stdout).toHaveLength(2_000)
    expect(stdout.endsWith("line 2998\nline 2999\n")).toBe(true)
  })

  test("much that it writes takes little room on the host while it runs, and its end and exit code are told", async () => {
    const script =
      "head -c 40000000 /dev/zero | tr '\\0' x; echo; sleep 3; b=$(stat -Lc %b /proc/$$/fd/1); echo $b >blocks; echo end; exit 3"
    const done = await world.apply([command({ script, exitCodes: [3] })])
    expect(failures(done)).toEqual([])
    expect(done.get("c")?.result).toMatchObject({
      outputs: { exitCode: 3, stdout: expect.stringMatching(/x\nend\n$/) },
    })
    const bytes = Number(readFileSync(join(folder, "blocks"), "utf8")) * 512
    expect(bytes).toBeLessThan(1_000_000)
  })

  test("it finds nothing of ours in its environment, and what env says", async () => {
    const done = await world.apply([
      command({ script: "env", env: { LC_ALL: "C.UTF-8" }, onlyIf: 'test -z "$S$ASTRAY"' }),
    ])
    const { stdout } = outputsOf(done)
    expect(stdout).toContain("LC_ALL=C.UTF-8")
    expect(stdout).not.toMatch(/^(S|ASTRAY)=/m)
  })

  test("without a guard it runs once, and again when an input has changed", async () => {
    const one = command({ script: "echo $N >>ran", env: { N: "1" }, runsWhen: ["a"] })
    const done = recorded(one, await world.apply([one]))
    expect([await actionOf(done), ran()]).toEqual(["none", 1])
    const other = {
      ...command({ script: "echo $N >>ran", env: { N: "1" }, runsWhen: ["b"] }),
      last: done.last as never,
    }
    expect([await actionOf(other), ran()]).toEqual(["replace", 2])
  })

  test("creates: it runs where it is missing, and again when an input has changed", async () => {
    const parts = { script: "echo x >>ran; : >made", creates: join(folder, "made") }
    const one = recorded(command(parts), await world.apply([command(parts)]))
    expect([await actionOf(one), ran()]).toEqual(["none", 1])
    expect(await actionOf({ ...command({ ...parts, runsWhen: [1] }), last: one.last as never })).toBe("update")
    expect(ran()).toBe(2)
    writeFileSync(join(folder, "ran"), "")
    expect(await actionOf(command({ ...parts }))).toBe("none")
    const absent = new Map([["c", { absent: true as const }]])
    expect(failures(await world.change([command(parts)], absent))).toEqual([])
    expect(ran()).toBe(0) // an earlier attempt has come through late
  })

  test("unless and onlyIf have the last word, in the plan and at its turn", async () => {
    const unless = command({ script: "echo x >>ran; : >done", unless: ["test", "-f", "done"] })
    expect([await actionOf(unless), ran(), await actionOf(unless), ran()]).toEqual(["create", 1, "none", 1])
    const onlyIf = command({ script: "echo x >>ran; rm stale", onlyIf: "test -f stale" })
    expect(await actionOf(onlyIf)).toBe("none")
    writeFileSync(join(folder, "stale"), "")
    const seen = await world.read([onlyIf])
    expect(seen.get("c")).toEqual({ absent: true })
    expect(failures(await world.change([onlyIf], seen))).toEqual([])
    expect(failures(await world.change([onlyIf], seen))).toEqual([])
    expect(ran()).toBe(2)
  })

  test.each([
    ["it fails", { script: "echo why >&2; exit 3; :" }, "c: COMMAND_FAILED it ended with exit code 3: why"],
    [
      "a line of its script fails",
      { script: "echo begun\nfalse\necho more" },
      "c: COMMAND_FAILED it ended with exit code 1: begun",
    ],
    [
      "there is no such command",
      { command: ["/no/such"] },
      /c: COMMAND_FAILED it ended with exit code 127: .*no\/such/,
    ],
    ["a signal ends it", { script: "kill -s TERM $$" }, /c: COMMAND_FAILED it ended with exit code 143/],
    [
      "it does not make what it creates",
      { script: ":", creates: "/no/such" },
      "c: COMMAND_FAILED it ended with exit code 0, and its guard says that it is still due: creates no",
    ],
    [
      "its guard still says no",
      { script: ":", unless: "false" },
      "c: COMMAND_FAILED it ended with exit code 0, and its guard says that it is still due: unless no",
    ],
    ["its folder is missing", { script: ":", cwd: "/no/such" }, /c: COMMAND_FAILED it ended with exit code 126/],
  ])("it says so where %s", async (_what, props, words) => {
    const said = failures(await world.apply([command(props)])).join()
    if (typeof words === "string") expect(said).toBe(words)
    else expect(said).toMatch(words)
  })

  test("other exit codes can be good ones, and code 10 is not ours", async () => {
    const done = await world.apply([command({ script: "exit 10", exitCodes: [0, 10] })])
    expect(done.get("c")?.result).toMatchObject({ outputs: { exitCode: 10, stdout: "" } })
    expect(failures(await world.apply([command({ script: "exit 10" })]))).toEqual([
      "c: COMMAND_FAILED it ended with exit code 10",
    ])
  })

  test("a guard that cannot be asked fails the read: nothing is concluded", async () => {
    const one = command({ script: "echo x >>ran", unless: ["/etc/passwd"] })
    expect((await world.read([one])).get("c")).toMatchObject({
      failed: {
        code: "READ_FAILED",
        fact: expect.stringMatching(/unless cannot be asked \(exit code 126\): .*passwd/),
      },
    })
    expect(existsSync(join(folder, "ran"))).toBe(false)
  })

  test("a guard whose program is not there yet says no", async () => {
    const tool = join(folder, "tool")
    const brings = `printf '#!/bin/sh\n' >${tool}; chmod +x ${tool}`
    for (const unless of [`command -v ${tool}`, [tool]] as const) {
      const one = command({ script: brings, unless })
      expect((await world.apply([one])).get("c")).toMatchObject({
        change: { action: "create" },
        result: { outputs: {} },
      })
      expect((await world.apply([one])).get("c")?.change).toEqual({ action: "none" })
      rmSync(tool)
    }
  })

  test("a guard has its node's own limit; what is asked of others is answered all the same", async () => {
    const guarded = (name: string, unless: [string, ...string[]], timeoutMs?: number) => {
      const { provider, want, id } = node(host.command, name, { name, script: ":", unless })
      const key = { address: name as Address, want, ...(id === undefined ? {} : { id }) }
      return { provider, key, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    }
    const items = [guarded("slow", ["sleep", "50"], 500), guarded("free", ["true"]), guarded("quick", ["true"], 20_000)]
    const begun = performance.now()
    const seen = await world.driver.read(items, {
      signal: new AbortController().signal,
      seal: (hash) => hash,
      secret: () => undefined as never,
    })
    expect(performance.now() - begun).toBeLessThan(20_000)
    expect(Object.fromEntries(seen)).toMatchObject({
      slow: { failed: { code: "TIMEOUT", fact: "slow did not answer within 500 ms" } },
      free: { outputs: { name: "free" } },
      quick: { outputs: { name: "quick" } },
    })
  })

  test("a command that takes too long is ended, and nobody knows what it has done", async () => {
    const done = await world.apply([command({ command: ["sleep", "60"] })], { timeoutMs: 1_000 })
    expect(done.get("c")?.result).toMatchObject({ maybe: true, failed: { code: "TIMEOUT" } })
  })

  test("it undoes itself when it leaves the program, and does nothing where it has no undo", async () => {
    const one = command({ script: ": >made", undo: ["rm", "made"] })
    const done = await world.apply([one])
    expect(readdirSync(folder)).toEqual(["made"])
    const seen = await world.read([left(one, done)])
    expect(failures(await world.change([left(one, done)], seen))).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    expect(failures(await world.change([left(one, done)], seen)).join()).toMatch(
      /c: COMMAND_FAILED it ended with exit code 1: .*made/,
    )
    const plain = command({ script: ":" })
    expect((await world.read([left(plain, await world.apply([plain]))])).get("c")).toEqual({ absent: true })
  })

  test("as another user, with secrets that stand in no argument list", async () => {
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, "theirs"))
    chmodSync(join(folder, "theirs"), 0o777)
    const one = command({
      script:
        "id -un >theirs/who; printf %s \"$KEY\" >theirs/key; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >theirs/argv",
      env: { KEY: world.secret("KEY", "swordfish's-1") },
      user: "nobody",
      creates: join(folder, "theirs/key"),
      unless: `test "$(id -un)" != nobody`,
    })
    const seen = await world.read([one])
    expect(seen.get("c")).toEqual({ absent: true })
    const without = node(host.command, "c", { ...(one.want as object), unless: undefined })
    expect(failures(await world.change([without], seen))).toEqual([])
    expect(readFileSync(join(folder, "theirs/who"), "utf8")).toBe("nobody\n")
    expect(readFileSync(join(folder, "theirs/key"), "utf8")).toBe("swordfish's-1")
    expect(readFileSync(join(folder, "theirs/argv"), "utf8")).not.toContain("swordfish")
  })
})

describe("host.command", () => {
  const folder = newFolder()
  conformsTests(
    host.command,
    {
      connection: host.local(),
      props: (variant) => ({
        name: `c${variant}`,
        script: `printf %s "$KEY" >made${variant}`,
        env: { KEY: secret.env("KEY") },
        cwd: folder,
        creates: join(folder, `made${variant}`),
        undo: ["rm", "-f", `made${variant}`] as [string, ...string[]],
      }),
      change: (props) => ({ ...props, runsWhen: ["changed"] }),
      count: () => readdirSync(folder).length,
      refused: (variant) => ({
        name: `refused${variant}`,
        command: ["/no/such/command"] as [string, ...string[]],
        repeatable: true,
      }),
      secrets: { KEY: "swordfish-in-a-command" },
    },
    { test },
  )
})

describe("a command without a guard whose run was cut off", () => {
  const folder = newFolder()
  const props = { name: "c", script: "echo x >>ran", cwd: folder }
  const key = Buffer.alloc(32, 7).toString("base64")
  const connection = host.local()
  const runsIn = (): Runs => new Runs({ provider: host.command, connection }, { FETTLE_STATE_KEY: key }, newFolder())
  const ran = (): number => readFileSync(join(folder, "ran"), "utf8").split("\n").length - 1

  test.each([
    ["is known to the host, and is not run again", {}, 1],
    ["is run again where that does no harm", { repeatable: true }, 3],
  ])("%s", async (_what, more, times) => {
    const runs = runsIn()
    const faulty = new Faulty({ provider: host.command, connection }, "lost", 0)
    expect((await runs.apply([{ ...props, ...more }], {}, faulty.through)).outcome).not.toBe("done")
    await faulty.end()
    const again = await runs.apply([{ ...props, ...more }])
    expect(errorsOf(again)).toBe("")
    expect(again.outcome).toBe("done")
    expect(ran()).toBe(times)
    expect((await runs.plan([{ ...props, ...more }])).outcome).toBe("unchanged")
  })
})

test.skipIf(process.getuid?.() !== 0)(
  "where the host has no room for what it writes, the file system is named",
  async () => {
    const { scope, prefix = [], ...more } = carrierFor("dash", "full")
    const mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"', "sh"]
    const world = await HostWorld.open({ ...more, scope, prefix: [...prefix, ...mount] })
    const write = "head -c 4000000 /dev/zero | tr '\\0' x"
    for (const script of [`${write}; exit 5`, `${write}; :`]) {
      const done = await world.apply([node(host.command, "c", { name: "c", script })])
      expect(failures(done)).toEqual([
        "c: COMMAND_FAILED it failed, and the file system of /dev/shm is full: what a script writes is kept there while it runs",
      ])
    }
    await world.close()
  },
)
