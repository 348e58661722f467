import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { cpuTimeMs } from "../../test/support/cpu-time.ts"
import { FettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import type { AnyProvider, ChangeItem, ChangeResult, Driver, ReadItem, Seen, Write } from "../provider.ts"
import { plainDriver } from "./plain-driver.ts"

const idle = new AbortController().signal
const readCall = { signal: idle, seal: String, secret: () => undefined as never }

function kind(parts: Partial<AnyProvider>): AnyProvider {
  return { kind: "test.kind", ...parts } as AnyProvider
}

function keys(provider: AnyProvider, ...names: readonly string[]): readonly ReadItem[] {
  return names.map((name) => ({ provider, key: { address: `test.kind[${name}]` as Address } }))
}

async function read(items: readonly ReadItem[], signal = idle): Promise<Record<string, Seen<unknown>>> {
  const driver = plainDriver("client", { identity: "me" })
  return Object.fromEntries(await driver.read(items, { ...readCall, signal }))
}

describe("read", () => {
  test("each kind is asked once, with the client", async () => {
    const asked: unknown[] = []
    const echo = () =>
      kind({
        read: async (all, call) =>
          new Map(all.map((key: { address: Address }) => [key.address, { outputs: asked.push(call.connection) }])),
      })
    const seen = await read([...keys(echo(), "a", "b"), ...keys(echo(), "c")])
    expect(Object.keys(seen)).toEqual(["test.kind[a]", "test.kind[b]", "test.kind[c]"])
    expect(asked).toEqual(["client", "client", "client"])
  })

  test.each([
    ["a key without an answer", async () => new Map(), "READ_SILENT"],
    ["an answer that is none", async () => new Map([["test.kind[a]", {}]]), "READ_SILENT"],
    ["no map", async () => ({}), "READ_FAILED"],
    ["a rejection", async () => Promise.reject(new Error("no")), "READ_FAILED"],
    ["a rejection with its own code", async () => Promise.reject(new FettleError("HTTP_FAILED", "no")), "HTTP_FAILED"],
    [
      "a throw before it begins",
      () => {
        throw new Error("no")
      },
      "READ_FAILED",
    ],
  ])("%s fails these keys alone", async (_, bad, code) => {
    const good = kind({
      read: async (all) => new Map(all.map((key: { address: Address }) => [key.address, { absent: true }])),
    })
    const seen = await read([...keys(kind({ read: bad as never }), "a"), ...keys(good, "b")])
    expect(seen).toMatchObject({ "test.kind[a]": { failed: { code } }, "test.kind[b]": { absent: true } })
  })

  test("a read that hangs ends with its signal, and is told so", async () => {
    let told: AbortSignal | undefined
    const hangs = kind({
      read: (_, call) => {
        told = call.signal
        return new Promise(() => {})
      },
    })
    expect(await read(keys(hangs, "a"), AbortSignal.timeout(20))).toMatchObject({
      "test.kind[a]": { failed: { code: "CANCELLED" } },
    })
    expect(told?.aborted).toBe(true)
  })
})

/** A call as an instance, as an engine may pass it. */
class Call implements Omit<Write<unknown>, "connection"> {
  readonly signal = idle
  readonly address = "a" as Address
  readonly intent = { token: "t", repeated: false }
  readonly #opened = "opened"
  readonly connection: unknown
  constructor(connection: unknown) {
    this.connection = connection
  }
  seal(sha256: string): string {
    return sha256
  }
  secret(): never {
    throw new Error("not here")
  }
  reveal(): never {
    return this.#opened as never
  }
  async progress(): Promise<void> {}
  log(): void {}
}

function item(ensure: (call: Write<unknown>) => unknown, more: Partial<ChangeItem> = {}): ChangeItem {
  return {
    provider: kind({
      ensure: async (_want, _seen, _change, call) => ensure(call) as never,
      delete: async (_seen, _last, call) => void (await ensure(call)),
    }),
    address: "test.kind[a]" as Address,
    action: "ensure",
    seen: { absent: true },
    change: { action: "create" },
    intent: { token: "t", repeated: false },
    timeoutMs: 1_000,
    signal: idle,
    call: (connection) => new Call(connection) as never,
    ...more,
  }
}

async function change(
  items: readonly ChangeItem[],
  driver: Driver = plainDriver("client", { identity: "me" }),
): Promise<readonly ChangeResult[]> {
  const results: ChangeResult[] = []
  await driver.change(items, (_, result) => results.push(result))
  return results
}

describe("change", () => {
  test("a call gets the client and whatever the engine's call can", async () => {
    expect(
      await change([item((call) => [call.connection, call.reveal(undefined as never), call.intent.token])]),
    ).toEqual([{ outputs: ["client", "opened", "t"] }])
    expect(await change([item(() => {}, { action: "delete" })])).toEqual([{ deleted: true }])
  })

  test.each([
    ["an error", new Error("no"), "PROVIDER_THREW", true],
    ["an error with a code", new FettleError("HTTP_FAILED", "no"), "HTTP_FAILED", true],
    [
      "an error that says nothing was made",
      new FettleError("HTTP_FAILED", "no", { details: { notMade: true } }),
      "HTTP_FAILED",
      false,
    ],
  ])("%s: maybe made or not", async (_, error, code, maybe) => {
    expect(await change([item(() => Promise.reject(error))])).toMatchObject([{ failed: { code }, maybe }])
  })

  test("a call that cannot be prepared was not made", async () => {
    const unprepared = item(() => {}, {
      call: () => {
        throw new Error("no")
      },
    })
    expect(await change([unprepared])).toMatchObject([{ failed: { code: "PROVIDER_THREW" }, maybe: false }])
  })

  test("a call that hangs ends at its limit; it is told, and perhaps made", async () => {
    let told: AbortSignal | undefined
    const hangs = item(
      (call) => {
        told = call.signal
        return new Promise(() => {})
      },
      { timeoutMs: 20 },
    )
    expect(await change([hangs])).toMatchObject([
      { failed: { code: "TIMEOUT", details: { timeoutMs: 20 } }, maybe: true },
    ])
    expect(told?.aborted).toBe(true)
  })

  test("a call that says at its end that nothing was sent is believed", async () => {
    const heeds = item(
      async (call) => {
        await new Promise((resolve) => call.signal.addEventListener("abort", resolve))
        throw new FettleError("HTTP_FAILED", "it was waiting for its turn", { details: { notMade: true } })
      },
      { timeoutMs: 20 },
    )
    expect(await change([heeds])).toMatchObject([{ failed: { code: "TIMEOUT" }, maybe: false }])
  })

  test("an abandoned call that fails later disturbs nobody", async () => {
    const late = item(
      async () => {
        await sleep(40)
        throw new Error("late")
      },
      { timeoutMs: 10 },
    )
    expect(await change([late])).toMatchObject([{ failed: { code: "TIMEOUT" } }])
    await sleep(60)
  })

  test("cancelled: what runs is perhaps made, what waits is not", async () => {
    const controller = new AbortController()
    const hangs = () => item(() => new Promise(() => {}), { signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    const results = await change([hangs(), hangs()], plainDriver("client", { identity: "", concurrency: 1 }))
    expect(results).toMatchObject([
      { failed: { code: "CANCELLED" }, maybe: true },
      { failed: { code: "CANCELLED" }, maybe: false },
    ])
  })

  test("no more run at once than allowed, all calls of change together", async () => {
    let running = 0
    let most = 0
    const counted = () =>
      item(async () => {
        most = Math.max(most, ++running)
        await sleep(2)
        running -= 1
      })
    const driver = plainDriver("client", { identity: "", concurrency: 3 })
    await Promise.all(Array.from({ length: 10 }, () => change([counted(), counted(), counted()], driver)))
    expect(most).toBe(3)
  })

  test("each result is told as soon as it is known", async () => {
    const order: string[] = []
    const slow = item(() => sleep(30), { address: "slow" as Address })
    const fast = item(() => {}, { address: "fast" as Address })
    await plainDriver("client", { identity: "" }).change([slow, fast], ({ address }) => order.push(address))
    expect(order).toEqual(["fast", "slow"])
  })

  test("10,000 items cost little", async () => {
    const items = Array.from({ length: 10_000 }, () => item(() => ({})))
    const begun = cpuTimeMs()
    expect((await change(items)).length).toBe(10_000)
    expect(cpuTimeMs() - begun).toBeLessThan(1_000) // 50 to 150 ms on a quiet machine
  })
})
