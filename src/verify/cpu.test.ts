import { performance } from "node:perf_hooks"
import { expect, test } from "vitest"
import { cpu } from "./cpu.ts"
import { CpuPool } from "./cpu-pool.ts"

/** A module of a user, as a URL. */
const work = `data:text/javascript,${encodeURIComponent(`
  export const add = (a, b) => a + b
  export const spin = (ms) => { const end = performance.now() + ms; while (performance.now() < end); return ms }
  export const forever = () => { for (;;); }
  export const fail = () => { throw Object.assign(new RangeError("too far", { cause: new Error("the root") }), { code: "E_FAR", limit: 3 }) }
  export const failPlain = () => { throw "a text" }
  export const leave = () => process.exit(7)
  export const uncopied = () => () => {}
  export const later = async (value) => { await new Promise((done) => setTimeout(done, 5)); return { value } }
  export const notAFunction = 1
`)}`

test("gives what the function returns, also later", async () => {
  expect(await cpu(work, "add")(2, 3)).toBe(5)
  expect(await cpu(work, "later")(new Map([[1, new Uint8Array(2)]]))).toEqual({
    value: new Map([[1, new Uint8Array(2)]]),
  })
})

test("an error keeps its name, code, fields and causes", async () => {
  const error = await cpu(work, "fail")().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    name: "RangeError",
    message: "too far",
    code: "E_FAR",
    limit: 3,
    cause: { message: "the root" },
  })
  expect((error as Error).stack).toContain("too far")
  await expect(cpu(work, "failPlain")()).rejects.toThrow("a text")
})

test.each([
  ["nothing", "exports no function nothing"],
  ["notAFunction", "exports no function notAFunction"],
  ["uncopied", "cannot be passed between threads"],
  ["leave", "ended with code 7"],
])("%s is CPU_FAILED, and the pool goes on", async (fn, words) => {
  await expect(cpu(work, fn)()).rejects.toMatchObject({ code: "CPU_FAILED", fact: expect.stringContaining(words) })
  expect(await cpu(work, "add")(1, 1)).toBe(2)
})

test("an argument that cannot be copied is CPU_FAILED", async () => {
  await expect(cpu(work, "add")(() => {}, 1)).rejects.toMatchObject({ code: "CPU_FAILED" })
  expect(await cpu(work, "add")(1, 1)).toBe(2)
})

test("a module that is not there, and a relative path", async () => {
  await expect(cpu("/nowhere/work.ts", "f")()).rejects.toThrow(/Cannot find module/)
  expect(() => cpu("./work.ts", "f")).toThrow(
    expect.objectContaining({ code: "CPU_FAILED", next: 'write new URL("./work.ts", import.meta.url)' }),
  )
})

test("aborting ends an endless loop at once, and takes waiting calls out of the line", async () => {
  const cancel = new AbortController()
  const calls = Array.from({ length: 20 }, () => cpu(work, "forever", { signal: cancel.signal })())
  setTimeout(() => cancel.abort(new Error("enough")), 200)
  const begun = performance.now()
  for (const outcome of await Promise.allSettled(calls))
    expect(outcome).toMatchObject({ status: "rejected", reason: { message: "enough" } })
  expect(performance.now() - begun).toBeLessThan(2_000)
  expect(await cpu(work, "add")(1, 1)).toBe(2)
  await expect(cpu(work, "add", { signal: cancel.signal })(1, 1)).rejects.toThrow("enough")
})

test("starts no more threads than it may, and none before there is work", async () => {
  const pool = new CpuPool(2)
  expect(pool.size).toBe(0)
  const jobs = Array.from({ length: 6 }, () => pool.run({ file: work, fn: "spin", args: [20] }))
  expect(pool.size).toBe(2)
  expect(await Promise.all(jobs)).toEqual([20, 20, 20, 20, 20, 20])
})

test("the main thread stays free meanwhile", async () => {
  let ticks = 0
  const timer = setInterval(() => (ticks += 1), 10)
  await cpu(work, "spin")(300)
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(5)
})
