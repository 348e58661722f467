import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { type Carried, localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import { quote } from "../../src/connect/host/quote.ts"
import * as host from "../../src/host.ts"
import type { Address } from "../../src/program/address.ts"
import type { ChangeResult, Driver, Json, Seen } from "../../src/provider.ts"
import { carrierFor, cleanUp, HostWorld, newFolder, node, shellsHere } from "./host-world.ts"

const NOTES = process.getuid?.() === 0 ? "/var/lib/fettle" : join(homedir(), ".local/state/fettle")

afterAll(cleanUp)

/** A client that can die: what it began goes on without it. */
interface Doomed {
  readonly driver: Driver
  /** What the journal would hold of each token. */
  readonly progress: Record<string, Json>
  readonly results: Map<string, ChangeResult>
  die(): void
  begin(token: string, script: string, parts?: { closed?: boolean; supersedes?: readonly string[] }): Promise<void>
}

describe.each(shellsHere())("what is noted of a bare command, through %s", (shell) => {
  let folder: string
  let scope: string
  let clients = 0

  beforeEach(() => {
    folder = newFolder()
    clients += 1
    scope = `notes${shell}${process.pid}x${clients}`
  })

  const ran = (): string => (existsSync(join(folder, "ran")) ? readFileSync(join(folder, "ran"), "utf8") : "")
  const notes = (): readonly string[] => readdirSync(NOTES).filter((name) => name.startsWith(`${scope}-`))
  const says = (word: string): string => `echo ${word} >>${quote(join(folder, "ran"))}`

  /** Reads the command with these tokens open, as the next run does. */
  async function asked(
    { driver }: Pick<Doomed, "driver">,
    open: readonly string[],
    progress: Readonly<Record<string, Json>>,
    script = "x",
  ): Promise<Seen<unknown>> {
    const each = node(host.command, "c", { name: "c", script })
    const key = { address: "c" as Address, id: "c", want: each.want, open, progress }
    const seen = await driver.read([{ provider: host.command, key }], {
      signal: new AbortController().signal,
      seal: (hash) => hash,
      secret: () => undefined as never,
    })
    return seen.get("c" as Address) as Seen<unknown>
  }

  async function client(): Promise<Doomed> {
    const carrier = localCarrier(carrierFor(shell, scope))
    let carried: Carried | undefined
    const start = async (argv: readonly [string, ...string[]], signal: AbortSignal): Promise<Carried> => {
      carried = await carrier.start(argv, signal)
      return carried
    }
    const context = { signal: new AbortController().signal, reveal: () => undefined as never, log: () => {} }
    const driver = await openHost({ ...carrier, start }, context)
    const world = await HostWorld.open(carrierFor(shell, `${scope}items`))
    await world.close()
    const progress: Record<string, Json> = {}
    const results = new Map<string, ChangeResult>()
    return {
      driver,
      progress,
      results,
      die: () => {
        carried?.stdout.destroy()
        carried?.stdin.destroy()
      },
      begin: async (token, script, { closed = true, supersedes = [] } = {}) => {
        const made = world.item(node(host.command, "c", { name: "c", script }), { absent: true }, { action: "create" })
        const intent = { token, repeated: false, supersedes }
        const call: typeof made.call = (connection) => ({
          ...made.call(connection),
          progress: async (json) => {
            progress[token] = json
          },
        })
        await driver.change([{ ...made, intent, call }], (_item, result) => {
          results.set(token, result)
          return closed
        })
      },
    }
  }

  afterEach(() => {
    for (const name of notes()) rmSync(join(NOTES, name))
  })

  const until = (word: string): Promise<void> =>
    expect.poll(ran, { timeout: 20_000, interval: 20 }).toContain(word) as unknown as Promise<void>

  test("what ended tells how, what was never sent never began, and what is closed is forgotten", async () => {
    const doomed = await client()
    await doomed.begin("well", "true")
    await doomed.begin("badly", "exit 3")
    const cut = doomed.begin("cut", `${says("cut")}; sleep 0.5`)
    await until("cut")
    doomed.die()
    await cut
    const next = await client()
    expect(await asked(next, ["well"], doomed.progress, "true")).toMatchObject({
      outputs: { name: "c", exitCode: 0, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
      mark: "well",
    })
    expect(await asked(next, ["cut"], doomed.progress)).toMatchObject({ mark: "cut" })
    for (const token of ["badly", "never"])
      expect(await asked(next, [token], doomed.progress)).toEqual({ absent: true })
    const left = notes()
    expect(left).toHaveLength(1)
    await next.begin("next", "true")
    expect(notes()).toHaveLength(2)
    await next.driver.close()
    expect(notes()).toEqual(left)
    const open = await client()
    await open.begin("open", "true", { closed: false })
    await open.driver.close()
    expect(notes(), "its intent is not closed: the host still knows its end").toHaveLength(2)
  })

  test("a script of a dead client that still runs is waited for; one that runs long is named", async () => {
    const next = await client()
    const doomed = await client()
    const brief = doomed.begin("brief", `${says("brief")}; sleep 1.5`)
    await until("brief")
    doomed.die()
    expect(await asked(next, ["brief"], doomed.progress)).toMatchObject({ mark: "brief" })
    await brief
    const other = await client()
    const long = other.begin("long", `${says("long")}; sleep 30`)
    await until("long")
    const seen = await asked(next, ["long"], other.progress)
    expect(seen).toMatchObject({
      failed: { code: "OPEN_INTENT", fact: expect.stringMatching(/the shell \d+ of that run is still at it/) },
    })
    await endAll(other, long)
    expect(await asked(next, ["long"], other.progress)).toMatchObject({
      failed: {
        code: "OPEN_INTENT",
        fact: expect.stringMatching(/it began there,? and (its end was not noted|was ended in the middle)/),
      },
    })
    await next.driver.close()
  }, 60_000)

  test("what arrives after the next run has looked is not begun, and what began by then is not done again", async () => {
    const late = await client()
    const next = await client()
    expect(await asked(next, ["late"], { late: await announcedBy(late) })).toEqual({ absent: true })
    await next.begin("next", says("next"), { supersedes: ["late"] })
    await next.driver.close()
    await late.begin("late", says("late"))
    expect(late.results.get("late")).toMatchObject({
      failed: { code: "STALE", fact: "a later run has taken its place" },
      maybe: false,
    })
    await late.begin("early", says("early"))
    const third = await client()
    await third.begin("third", says("third"), { supersedes: ["early"] })
    expect(third.results.get("third")).toMatchObject({
      failed: { code: "STALE", fact: "a run that was cut off has done it by now" },
      maybe: false,
    })
    expect(ran()).toBe("next\nearly\n")
    await third.driver.close()
    await late.driver.close()
  })

  test("notes that are gone, or another user's, prove nothing", async () => {
    const next = await client()
    await next.begin("some", "true")
    expect(await asked(next, ["t"], { t: { ledger: "of-another-time" } })).toMatchObject({
      failed: { code: "OPEN_INTENT", fact: expect.stringContaining("what the host had noted is gone") },
    })
    expect(await asked(next, ["t"], { t: { ledger: "" } })).toMatchObject({
      failed: { code: "OPEN_INTENT", fact: expect.stringContaining("the host could note nothing of it") },
    })
    await next.driver.close()
  })

  async function announcedBy(doomed: Doomed): Promise<Json> {
    await doomed.begin("announcing", "true")
    return doomed.progress.announcing as Json
  }

  /** Kills the session and all it runs, as a reboot does. */
  async function endAll(doomed: Doomed, changing: Promise<void>): Promise<void> {
    for (const pid of readdirSync("/dev/shm").flatMap((name) =>
      name.includes(`-${scope}-`) ? [name.split("-").at(-3)] : [],
    ))
      for (const each of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
        if (sessionOf(each) === pid) process.kill(Number(each), "SIGKILL")
    doomed.die()
    await changing
  }
})

function sessionOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]
  } catch {
    return undefined
  }
}
