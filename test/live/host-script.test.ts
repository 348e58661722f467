import { chmodSync, existsSync, globSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Last } from "../../src/provider.ts"
import { secret } from "../../src/secrets/sources.ts"
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

describe.each(shellsHere())("scripts through %s", (shell) => {
  let world: HostWorld
  let folder: string

  beforeEach(async () => {
    folder = newFolder()
    const options = carrierFor(shell, "script")
    if (shell === "busybox") chmodSync(options.prefix?.[1]?.replace("PATH=", "") ?? "", 0o755)
    world = await HostWorld.open(options)
  })
  afterEach(() => world.close())

  const script = (props: object): TestNode => node(host.script, "s", { name: "s", cwd: folder, ...props })
  const recorded = (one: TestNode, done: ReadonlyMap<string, Done>): TestNode => ({
    ...one,
    last: left(one, done).last as Last<unknown, unknown>,
  })
  const stdout = (done: ReadonlyMap<string, Done>): unknown => {
    const result = done.get("s")?.result
    return result !== undefined && "outputs" in result ? (result.outputs as { stdout: string }).stdout : result
  }

  test("its first line says what runs it, and its arguments come whole", async () => {
    const odd = ["it's", "$(id)", "a\nb", "-n", "*", ""]
    const done = await world.apply([
      script({ content: '#!/bin/sh -e\nprintf "[%s]" "$@"; printf "%s" "$-"\n', args: odd }),
    ])
    expect(stdout(done)).toMatch(
      new RegExp(`^${odd.map((each) => `\\[${each.replace(/[$()*]/g, "\\$&")}\\]`).join("")}.*e`),
    )
    const awk = await world.apply([
      script({ content: 'BEGIN { print ENVIRON["K"] }', interpreter: ["awk", "-f"], env: { K: "v" } }),
    ])
    expect(stdout(awk)).toBe("v\n")
  })

  test("one from a local file runs again when its text changes, and leaves nothing behind", async () => {
    const source = join(folder, "seed.sh")
    writeFileSync(source, "echo one >>ran\n")
    const one = script({ source })
    const first = await world.apply([one])
    expect(failures(first)).toEqual([])
    const known = recorded(one, first)
    expect((await world.apply([known])).get("s")?.change).toEqual({ action: "none" })
    writeFileSync(source, "echo two >>ran\n")
    const again = await world.apply([known])
    expect(again.get("s")?.change).toMatchObject({ action: "replace", order: "delete-first" })
    expect(readFileSync(join(folder, "ran"), "utf8")).toBe("one\ntwo\n")
    expect((await world.apply([recorded(one, again)])).get("s")?.change).toEqual({ action: "none" })
    writeFileSync(source, "exit 3\n")
    const seen = await world.read([known])
    writeFileSync(source, "echo three >>ran\n")
    expect(failures(await world.change([known], seen))).toEqual([expect.stringContaining("STALE the source")])
    expect((await world.read([script({ source: join(folder, "missing") })])).get("s")).toMatchObject({
      failed: { code: "FILE_REFUSED" },
    })
  })

  test("guards decide, and a failure is told with its last words", async () => {
    const made = join(folder, "made")
    const done = await world.apply([script({ content: ": >made", creates: made })])
    expect([failures(done), existsSync(made)]).toEqual([[], true])
    expect((await world.apply([script({ content: "exit 1", creates: made })])).get("s")?.change.action).toBe("none")
    expect(failures(await world.apply([script({ content: "echo no >&2; exit 3" })]))).toEqual([
      "s: COMMAND_FAILED it ended with exit code 3: no",
    ])
  })

  test.skipIf(process.getuid?.() !== 0)("as another user, who may read it and nobody else; the copy goes", async () => {
    const done = await world.apply([
      script({
        content: 'id -un; stat -c %a:%U "$0"; echo "$KEY"',
        user: "daemon",
        cwd: tmpdir(),
        env: { KEY: "k'y" },
      }),
    ])
    expect(stdout(done)).toBe("daemon\n400:daemon\nk'y\n")
    expect(globSync(join(tmpdir(), "fettle-script-*"))).toEqual([])
  })
})

describe("host.script", () => {
  const folder = newFolder()
  const made = (variant: number): string => join(folder, `m${variant}`)
  conformsTests(
    host.script,
    {
      connection: host.local(),
      props: (variant) => ({
        name: `s${variant}`,
        content: `echo x >${made(variant)}`,
        creates: made(variant),
        undo: ["rm", "-f", made(variant)] as [string, ...string[]],
        env: { KEY: secret.env("KEY") },
      }),
      change: (props) => ({ ...props, args: ["other"] }),
      count: () => globSync(join(folder, "m*")).length,
      refused: (variant) => ({
        name: `r${variant}`,
        content: "echo no >&2; exit 1",
        env: { KEY: secret.env("KEY") },
      }),
      secrets: { KEY: "swordfish-in-a-script" },
    },
    { test },
  )
})
