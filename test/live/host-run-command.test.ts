import { afterAll, describe, expect, test } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import type { HostCommandEnd } from "../../src/connect/host/command.ts"
import { hostOf, openHost } from "../../src/connect/host/driver.ts"
import { carrierFor, cleanUp, shellsHere } from "./host-world.ts"

afterAll(cleanUp)

describe.each(shellsHere())("a command through %s", (shell) => {
  const run = async (
    argv: readonly [string, ...string[]],
    more: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): Promise<HostCommandEnd> => {
    const signal = new AbortController().signal
    const driver = await openHost(localCarrier(carrierFor(shell, "c0de")), {
      signal,
      reveal: () => "" as never,
      log: () => {},
    })
    try {
      const input = more.input === undefined ? undefined : Buffer.from(more.input)
      return await (hostOf(driver) as NonNullable<ReturnType<typeof hostOf>>).run({
        argv,
        input,
        timeoutMs: more.timeoutMs ?? 20_000,
        signal,
      })
    } finally {
      await driver.close()
    }
  }
  const sh = (text: string, more = {}) => run(["sh", "-c", text], more)

  test("output, error and exit code are told apart, whatever stands in them", async () => {
    expect(await sh("echo out; echo err >&2; printf 'R 1 2 3\\n\\n'; exit 7")).toEqual({
      exitCode: 7,
      stdout: "out\nR 1 2 3\n\n",
      stderr: "err\n",
      cut: false,
    })
    expect(await run(["printf", "%s|", "it's", "a b", "$HOME", "-x", "é\n"])).toMatchObject({
      exitCode: 0,
      stdout: "it's|a b|$HOME|-x|é\n|",
    })
    expect(await run(["true"])).toEqual({ exitCode: 0, stdout: "", stderr: "", cut: false })
  })

  test("a command that is not there, a signal, and a command that is no shell's own", async () => {
    expect(await run(["fettle-no-such"])).toMatchObject({ exitCode: 127, stderr: expect.stringContaining("not found") })
    expect((await sh("kill -9 $$")).exitCode).toBe(137)
    expect((await run(["exit", "3"])).exitCode).toBe(127)
  })

  test("it gets standard input, also where it reads none of it, and an empty one where none is given", async () => {
    expect((await run(["cat"], { input: "a\nb" })).stdout).toBe("a\nb")
    expect((await run(["true"], { input: "x".repeat(300_000) })).exitCode).toBe(0)
    expect((await run(["cat"])).stdout).toBe("")
  })

  test("it has the umask, the signals and the folder of a login", async () => {
    expect((await sh('umask; cd; pwd; [ "$PWD" = "$OLDPWD" ] && echo home')).stdout).toMatch(/^0?022\n.*\nhome\n$/)
    expect((await sh("yes | head -n 1")).stderr).toBe("")
  })

  test("of output without end the first megabyte is kept, on both streams at once", async () => {
    const end = await sh("yes out | head -c 3000000; yes err | head -c 3000000 >&2; exit 4")
    expect(end).toMatchObject({ exitCode: 4, cut: true })
    expect([end.stdout.length, end.stderr.length]).toEqual([1_048_576, 1_048_576])
  })

  test("it is ended when its time is up, with what it started", async () => {
    const mark = `3${Date.now() % 1_000_000}.5`
    await expect(sh(`sleep ${mark} & sleep ${mark}`, { timeoutMs: 700 })).rejects.toMatchObject({ code: "TIMEOUT" })
    const left = await sh(
      `for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done | grep -c '^sleep ${mark}'`,
    )
    expect(left.stdout).toBe("0\n")
  })
})
