import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { check, command, http, json, notify, type Program, program, resource, secret, task, text } from "fettle"
import { type Connection, provider, type Read, type Seen, type Write } from "fettle/provider"
import { expect, onTestFinished, test } from "vitest"
import { z } from "zod"
import { writePlan } from "../../src/cli/plan-file.ts"
import { runLog } from "../../src/cli/run-log.ts"
import type { RunSetup } from "../../src/run/context.ts"
import { localSetup } from "../../src/run/local.ts"
import { applyProgram, planProgram } from "../../src/run/run.ts"
import { DataKey } from "../../src/secrets/key.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { Seeded } from "../../src/testing/seeded.ts"
import { place } from "../cli/fettle.ts"
import { testFolder } from "../support/runs.ts"

// ── values: awkward, and the same for the same seed ─────────────────────────────────────────────────────────────────

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

function letters(random: Seeded, count: number): string {
  return Array.from({ length: count }, () => LETTERS[random.between(0, LETTERS.length - 1)]).join("")
}

const STYLES: readonly ((random: Seeded) => string)[] = [
  (random) => letters(random, 40),
  (random) => `it's "quoted" \`${letters(random, 12)}\``,
  (random) => `first ${letters(random, 10)}\nsecond ${letters(random, 10)}\n\nlast ${letters(random, 10)}`,
  (random) => `ключ ☃ ${letters(random, 12)} 😀é`,
  (random) =>
    `-----BEGIN PRIVATE KEY-----\n${letters(random, 64)}\n${letters(random, 64)}\n${letters(random, 24)}\n-----END PRIVATE KEY-----`,
  (random) => JSON.stringify({ user: "shop", password: letters(random, 20), deep: { token: letters(random, 16) } }),
  (random) => `p@ss/w:rd?&=#%+ ${letters(random, 10)}~!*()'`,
  (random) => `C:\\new\\table\\${letters(random, 10)}\\`,
  (random) => `\ttab ${letters(random, 10)}\r\nreturn\u2028separator\u0007bell`,
  (random) => `$(${letters(random, 12)}); rm -rf 'x' <&> | \${HOME}`,
]

// ── forms: what a grep looks for ────────────────────────────────────────────────────────────────────────────────────

interface Needle {
  readonly label: string
  readonly form: string
  readonly bytes: string
}

const latin = (value: string): string => Buffer.from(value).toString("latin1")

function* formsOf(value: string): Iterable<readonly [form: string, bytes: string]> {
  yield ["raw", latin(value)]
  const bytes = Buffer.from(value)
  for (let before = 0; before < 3; before += 1) {
    const all = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    const own = all.slice(Math.ceil((8 * before) / 6), Math.floor((8 * (before + bytes.length)) / 6))
    yield [`base64+${before}`, own]
    yield [`base64url+${before}`, own.replaceAll("+", "-").replaceAll("/", "_")]
  }
  yield ["url", encodeURIComponent(value)]
  yield ["form", new URLSearchParams([["", value]]).toString().slice(1)]
  const escaped = JSON.stringify(value).slice(1, -1)
  yield ["json", latin(escaped)]
  yield ["json in json", latin(JSON.stringify(escaped).slice(1, -1))]
  yield ["hex", bytes.toString("hex")]
  yield ["HEX", bytes.toString("hex").toUpperCase()]
  // What is cut to fit a line must not begin or end inside a secret.
  if (/^[A-Za-z0-9]{40}$/.test(value)) {
    yield ["its first half", value.slice(0, 20)]
    yield ["its last half", value.slice(20)]
  }
}

const HEAD = 8

/** Finds any of thousands of needles in one pass: by their first characters. */
class Grep {
  readonly #heads = new Map<string, Needle[]>()
  readonly values = new Map<string, string>()

  add(label: string, value: string): void {
    this.values.set(label, value)
    for (const [form, bytes] of formsOf(value)) {
      const head = bytes.slice(0, HEAD)
      if (head.length < HEAD) throw new Error(`${label} is too short to be looked for as ${form}`)
      const known = this.#heads.get(head)
      if (known === undefined) this.#heads.set(head, [{ label, form, bytes }])
      else known.push({ label, form, bytes })
    }
  }

  /** Which secrets stand in these bytes, and in which form. */
  hits(sink: string): readonly string[] {
    const found = new Set<string>()
    for (let at = 0; at + HEAD <= sink.length; at += 1)
      for (const needle of this.#heads.get(sink.slice(at, at + HEAD)) ?? [])
        if (sink.startsWith(needle.bytes, at))
          found.add(`${needle.label} as ${needle.form}: …${sink.slice(Math.max(0, at - 60), at)}▮`)
    return [...found]
  }
}

/** All bytes below a folder, by file. */
function filesIn(folder: string): readonly (readonly [name: string, bytes: string])[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
    .map((path) => [path.slice(folder.length), readFileSync(path, "latin1")] as const)
}

// ── a far side that tells everything it knows ───────────────────────────────────────────────────────────────────────

interface FarSide {
  readonly url: string
  readonly things: Map<string, { readonly fields: string; readonly rev: number; readonly made: string }>
  readonly told: string[]
  fails: "reads" | "writes" | "deletes" | undefined
  hangs: boolean
  /** Called when a write has come in. */
  onWrite: (() => void) | undefined
}

/** One of the forms, each in turn. */
function oneWay(words: string, at: number): string {
  return everyWay(words, at).split(" | ")[at % 7] ?? words
}

/** The same words in every form that a log or an error page may have. */
function everyWay(words: string, at: number): string {
  const forms = [
    words,
    Buffer.from(`${"x".repeat(at % 3)}${words}`).toString("base64"),
    encodeURIComponent(words),
    Buffer.from(words).toString("hex"),
    JSON.stringify({ error: words }),
    JSON.stringify(JSON.stringify({ error: words })),
    Buffer.from(words).toString("base64").replace(/.{76}/g, "$&\n"),
  ]
  return forms.join(" | ")
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function farSide(random: Seeded, made: (label: string, value: string) => void): Promise<FarSide> {
  const far: FarSide = { url: "", things: new Map(), told: [], fails: undefined, hangs: false, onWrite: undefined }
  let count = 0
  const next = (): number => {
    count += 1
    return count
  }
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    const name = decodeURIComponent(request.url ?? "").slice(1)
    const headers = Buffer.from(String(request.headers["x-secrets"] ?? ""), "base64").toString()
    const refuse = (about: string, way = everyWay): void => {
      const values = [...strings(JSON.parse(about || "[]")), ...strings(JSON.parse(headers || "[]"))]
      response.writeHead(500).end(values.map((each) => way(each, next())).join("\n"))
    }
    if (name === "notify") far.told.push(body)
    if (name === "notify") return void response.end()
    if (name === "echo") return void response.end(`headers: ${JSON.stringify(request.headers)} body: ${body}`)
    if (request.method === "GET") {
      if (far.fails === "reads") return refuse(JSON.stringify([...far.things.values()]), oneWay)
      return void response.end(JSON.stringify([...far.things]))
    }
    if (request.method === "DELETE") {
      if (far.fails === "deletes") return refuse(far.things.get(name)?.fields ?? "[]")
      far.things.delete(name)
      return void response.end()
    }
    far.onWrite?.()
    if (far.fails === "writes") return refuse(body)
    if (far.hangs) return
    const given = far.things.get(name)?.made ?? (STYLES[next() % STYLES.length] as (random: Seeded) => string)(random)
    made(`made for ${name}`, given)
    const { fields, rev } = JSON.parse(body)
    far.things.set(name, { fields: JSON.stringify(fields), rev, made: given })
    response.end(JSON.stringify({ made: given }))
  })
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(far, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
}

function strings(value: unknown): readonly string[] {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : []
}

interface Client {
  call(method: string, name: string, body?: unknown): Promise<string>
}

/** A connection whose headers are secrets. */
function farConnection(far: FarSide, headers: readonly Secret<string>[]): Connection<Client> {
  return {
    type: "test.far",
    name: "far",
    target: far.url,
    secrets: headers,
    open: async (context) => {
      const { plainDriver } = await import("../../src/connect/plain-driver.ts")
      const opened = headers.map((each) => context.reveal(each))
      context.log(`opening with ${opened.join(" and ")}`)
      const sent = Buffer.from(JSON.stringify(opened)).toString("base64")
      const client: Client = {
        call: async (method, name, body) => {
          const response = await fetch(far.url + encodeURIComponent(name), {
            method,
            headers: { "x-secrets": sent },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          })
          const words = await response.text()
          if (!response.ok)
            throw new Error(`${method} ${name}: ${response.status} ${words}`, { cause: new Error(words) })
          return words
        },
      }
      return plainDriver(client, { identity: "the far side" })
    },
  }
}

const vaultProps = z.strictObject({
  name: z.string(),
  fields: z.record(z.string(), z.unknown()),
  rev: z.number(),
  size: z.number().default(1),
  throws: z.enum(["plan", "id"]).optional(),
})
const vaultOutputs = z.object({ name: z.string(), rev: z.number(), made: z.instanceof(Secret), note: z.string() })
type VaultOutputs = z.output<typeof vaultOutputs>

/** A careless kind: it logs, remembers, returns and throws whatever it was given. */
const vault = provider<typeof vaultProps, typeof vaultOutputs, Client>({
  kind: "test.vault",
  version: 1,
  about: "A thing that holds secrets, by a kind that keeps none.",
  connects: "test.far",
  props: vaultProps,
  outputs: vaultOutputs,
  settles: "unique",
  id: (want) => {
    if (want.throws === "id") throw new Error("no id")
    return want.name
  },
  read: async (keys, call) => {
    const things = new Map(
      JSON.parse(await call.connection.call("GET", "")) as [string, { fields: string; rev: number; made: string }][],
    )
    const answers = keys.map(({ address, id = "" }) => {
      const thing = things.get(id)
      return [address, thing === undefined ? { absent: true } : { outputs: outputsOf(id, thing, call) }] as const
    })
    return new Map<(typeof keys)[number]["address"], Seen<VaultOutputs>>(answers as never)
  },
  plan: (want, seen) => {
    if (!("outputs" in seen)) return { action: "create" }
    if (want.throws === "plan") throw new Error(`cannot compare with ${seen.outputs.note}`)
    if (want.size !== 1) return { action: "replace", props: ["size"], because: `not the size of ${seen.outputs.note}` }
    if (seen.outputs.rev === want.rev) return { action: "none" }
    return { action: "update", props: ["rev", "fields"], because: `rev differs, and there is ${seen.outputs.note}` }
  },
  ensure: async (want, _seen, _change, call) => {
    const fields = revealed(want.fields, call) as Record<string, unknown>
    const words = JSON.stringify(fields)
    call.log(`writing ${words}`)
    for (const value of strings(fields)) {
      for (let at = 0; at < value.length; at += 5) call.log(value.slice(at, at + 5), "stdout")
      call.log(`\n${value.slice(0, 3)}`, "stderr")
      call.log(`${value.slice(3)}\n`, "stderr")
      call.log(everyWay(value, value.length))
    }
    await call.progress({ wrote: fields, words } as never)
    const { made } = JSON.parse(await call.connection.call("PUT", want.name, { fields, rev: want.rev }))
    return outputsOf(want.name, { fields: JSON.stringify(fields), rev: want.rev, made }, call)
  },
  delete: async (seen, last, call) => {
    const name = "outputs" in seen ? seen.outputs.name : (last?.props.name ?? "")
    if (last !== undefined) call.log(`deleting ${call.reveal(last.outputs.made)}`)
    await call.connection.call("DELETE", name)
  },
})

function outputsOf(
  name: string,
  thing: { fields: string; rev: number; made: string },
  call: Pick<Read<unknown>, "secret">,
): VaultOutputs {
  return { name, rev: thing.rev, made: call.secret("made", thing.made), note: thing.fields }
}

function revealed(value: unknown, call: Pick<Write<unknown>, "reveal">): unknown {
  if (value instanceof Secret) return call.reveal(value)
  if (Array.isArray(value)) return value.map((each) => revealed(each, call))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revealed(each, call)]))
}

// ── 200 secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────

interface Planted {
  readonly env: Record<string, string>
  /** Makes the secrets anew, as a program does each time it is built. */
  readonly secrets: () => readonly Secret<string>[]
}

const COUNTS = { env: 90, file: 40, command: 10, random: 10 } as const

function plant(folder: string, random: Seeded, grep: Grep): Planted {
  const env: Record<string, string> = {}
  const values: Record<"env" | "file" | "command", string[]> = { env: [], file: [], command: [] }
  for (const from of ["env", "file", "command"] as const)
    for (let at = 0; at < COUNTS[from]; at += 1) {
      const value = (STYLES[at % STYLES.length] as (random: Seeded) => string)(random)
      values[from].push(value)
      grep.add(`${from} ${at}`, value)
      if (from === "env") env[`SECRET_${at}`] = value
      else writeFileSync(join(folder, `${from}-${at}`), `${value}\n`, { mode: 0o600 })
    }
  const derived = values.env.slice(0, 45)
  for (const [at, value] of derived.entries()) grep.add(`derived ${at}`, derive(value, at))
  return { env, secrets: () => secretsFrom(folder) }
}

function derive(value: string, at: number): string {
  return at % 3 === 0
    ? `Bearer ${value}`
    : at % 3 === 1
      ? [...value].reverse().join("")
      : `${value}:${value.toUpperCase()}`
}

function secretsFrom(folder: string): readonly Secret<string>[] {
  const all: Secret<string>[] = []
  for (let at = 0; at < COUNTS.env; at += 1) all.push(secret.env(`SECRET_${at}`))
  for (let at = 0; at < COUNTS.file; at += 1) all.push(secret.file(join(folder, `file-${at}`), { name: `file-${at}` }))
  for (let at = 0; at < COUNTS.command; at += 1)
    all.push(secret.command(["cat", join(folder, `command-${at}`)], { name: `command-${at}` }))
  for (let at = 0; at < COUNTS.random; at += 1) all.push(secret.random(`random-${at}`))
  for (let at = 0; at < 45; at += 1) all.push(secret.env(`SECRET_${at}`).map((value) => derive(value, at)))
  return all
}

/** Prints a text in two pieces with a pause between them, on both streams. */
const IN_PIECES = `a=\${S%"\${S#?????}"}; printf %s "$a"; printf %s "$a" >&2; sleep 0.05; printf '%s\\n' "\${S#?????}"; printf '%s\\n' "\${S#?????}" >&2; cat`

interface Variant {
  readonly rev: number
  readonly taskFails?: boolean
  readonly throws?: "plan"
  readonly replaced?: boolean
  readonly checks?: boolean
}

function shop(far: FarSide, planted: Planted, variant: Variant): Program {
  return program(
    "shop",
    {},
    () => {
      const secrets = planted.secrets()
      const on = farConnection(far, secrets.slice(0, 10))
      const perThing = 12
      let before: unknown = "nothing"
      for (let at = 0; at * perThing < secrets.length; at += 1) {
        const own = secrets.slice(at * perThing, (at + 1) * perThing)
        const fields = {
          plain: own[0],
          list: own.slice(1, 4),
          nested: { deep: { deeper: own.slice(4) } },
          text: text`postgres://shop:${own[0] as Secret<string>}@db/${"shop"}`,
          json: json({ port: 8080, key: own[1], both: [own[2], "x"] }),
          before,
        }
        const { rev, throws, replaced } = variant
        const props = {
          name: `thing-${at}`,
          fields,
          rev,
          ...(throws ? { throws } : {}),
          ...(replaced && at % 4 === 0 ? { size: 2 } : {}),
        }
        const made = resource(vault, `thing-${at}`, props, { on })
        before = made.made
      }
      tasks(secrets, variant)
      if (variant.checks !== false) checks(far, secrets)
    },
    { providers: [vault], notify: [notify({ webhook: `${far.url}notify`, on: "always" })] },
  )
}

function tasks(secrets: readonly Secret<string>[], { rev, taskFails = false }: Variant): void {
  const exit = taskFails ? "exit 3" : "exit 0"
  for (let at = 0; at < 12; at += 1) {
    const [one, two] = [secrets[at] as Secret<string>, secrets[at + 100] as Secret<string>]
    task(`prints-${at}`, {
      run: ["sh", "-c", `${IN_PIECES}; printf '%s' "$1" | base64; printf '%s' "$1"; ${exit}`, "sh", two],
      env: { S: one },
      input: two,
      values: { rev, one, nested: { two } },
    })
  }
  const known = secrets.slice(0, 60)
  task("calls", {
    run: async (call) => {
      const plain = known.map((each) => call.reveal(each))
      call.log(plain.join(" "))
      await call.run(["sh", "-c", `${IN_PIECES} >&2; ${exit}`], {
        env: { S: plain[0] as string },
        input: plain.join("\n"),
      })
      if (taskFails) throw new Error(`failed with ${everyWay(plain.join(" "), 1)}`)
      return { plain, padded: plain.map((each) => `${"x".repeat(1_990)}${each}`) }
    },
    secrets: known,
    values: { rev },
  })
  task("long lines", {
    run: ["sh", "-c", `printf '%0190d%s%0300d\\n' 0 "$S" 0 >&2; printf '%0200d%s%01985d' 0 "$S" 0; ${exit}`],
    env: { S: secrets[0] as Secret<string> },
    values: { rev },
  })
}

function checks(far: FarSide, secrets: readonly Secret<string>[]): void {
  for (let at = 0; at < 10; at += 1) {
    const own = secrets[at] as Secret<string>
    const header = own.map((value) => encodeURIComponent(value))
    check(
      `echo-${at}`,
      http.post(
        `${far.url}echo`,
        { own },
        { body: { contains: "no such words" } },
        { headers: { authorization: header } },
      ),
    )
    check(
      `says-${at}`,
      command.succeeds(["sh", "-c", 'echo "$S"; echo "$S" >&2; echo "$1"; exit 4', "sh", own], {}, { env: { S: own } }),
    )
  }
}

// ── every path, every failure, every byte ───────────────────────────────────────────────────────────────────────────

class Bench {
  readonly folder = testFolder()
  readonly grep = new Grep()
  readonly seed: number
  readonly #sinks: (readonly [name: string, bytes: string])[] = []
  #far: FarSide | undefined
  #planted: Planted | undefined

  constructor(seed: number) {
    this.seed = seed
  }

  async begin(): Promise<void> {
    const random = new Seeded(this.seed)
    this.#planted = plant(this.folder, random, this.grep)
    this.#far = await farSide(random, (label, value) => this.grep.add(label, value))
  }

  get far(): FarSide {
    return this.#far as FarSide
  }

  async run(
    how: "plan" | "apply",
    variant: Variant,
    options: object = {},
    more: Partial<RunSetup> = {},
  ): Promise<number> {
    const what = `${how} ${JSON.stringify({ ...variant, ...options, fails: this.far.fails })}`
    const built = shop(this.far, this.#planted as Planted, variant)
    const lines: string[] = []
    const setup: RunSetup = {
      ...localSetup(built, {
        folder: this.folder,
        env: { PATH: process.env.PATH, HOME: this.folder, ...this.#planted?.env },
      }),
      subscribers: [(event) => lines.push(JSON.stringify(event)), runLog(join(this.folder, ".fettle"), "shop", "dev")],
      ...more,
    }
    const result =
      how === "plan"
        ? await planProgram(setup, { ...options, bound: true })
        : await applyProgram(setup, options, async () => true)
    if (result.plan !== undefined) {
      const file = join(this.folder, "plan.json")
      if (result.plan.bound === undefined) writeFileSync(file, JSON.stringify(result.plan))
      else writePlan(file, result.plan, { key: DataKey.passing(), by: "secrets test" })
      this.#sinks.push([`${what}: plan file`, readFileSync(file, "latin1")])
    }
    this.#sinks.push([`${what}: events`, latin(lines.join("\n"))])
    this.lookAtState(what)
    for (const body of this.far.told.splice(0)) this.#sinks.push([`${what}: notification`, latin(body)])
    return result.exitCode
  }

  lookAtState(when: string): void {
    for (const [name, bytes] of filesIn(join(this.folder, ".fettle")))
      this.#sinks.push([`${when}: state ${name}`, bytes])
  }

  /** Where anything was found: the sink, the secret, its form. */
  found(): readonly string[] {
    const known = new Map<string, readonly string[]>()
    return this.#sinks.flatMap(([name, bytes]) => {
      const hits = known.get(bytes) ?? this.grep.hits(bytes)
      known.set(bytes, hits)
      return hits.slice(0, 20).map((hit) => `seed ${this.seed}, ${name}: ${hit}`)
    })
  }

  get bytes(): number {
    return this.#sinks.reduce((sum, [, bytes]) => sum + bytes.length, 0)
  }
}

test("the grep finds every form of every value", () => {
  const random = new Seeded(7)
  for (const style of STYLES) {
    const value = style(random)
    for (const [form, bytes] of formsOf(value)) {
      const grep = new Grep()
      grep.add("it", value)
      expect(
        grep.hits(`…${bytes}…`).some((hit) => hit.startsWith("it as ")),
        `${form} of ${JSON.stringify(value)}`,
      ).toBe(true)
    }
  }
})

test.each([1, 2])(
  "200 secrets through every path and every failure: none is in any byte written (seed %i)",
  { timeout: 180_000 },
  async (seed) => {
    const bench = new Bench(seed)
    await bench.begin()
    const { far } = bench
    expect(await bench.run("plan", { rev: 1 })).toBe(2)

    far.fails = "writes"
    expect(await bench.run("apply", { rev: 1, taskFails: true })).toBe(1)
    far.fails = undefined
    let looked = false
    far.onWrite = () => {
      if (!looked) bench.lookAtState("in the middle of a write")
      looked = true
    }
    expect(await bench.run("apply", { rev: 1, checks: false })).toBe(0)
    for (const [name, thing] of far.things)
      for (const [at, value] of strings(JSON.parse(thing.fields)).entries())
        bench.grep.add(`${name} ${at}`, value.length < 12 ? `${value}${" ".repeat(99)}` : value)
    expect(bench.grep.values.size).toBeGreaterThanOrEqual(200)

    await bench.run("plan", { rev: 1, checks: false })
    expect(await bench.run("apply", { rev: 1 }, { verifyOnly: true })).toBe(3)
    for (const fails of ["writes", "reads"] as const) {
      far.fails = fails
      expect(await bench.run("apply", { rev: 2 })).toBe(1)
      expect(await bench.run("plan", { rev: 2 })).toBe(fails === "reads" ? 1 : 2)
    }
    far.fails = undefined
    expect(await bench.run("plan", { rev: 2, throws: "plan" })).toBe(1)

    far.hangs = true
    const abort = new AbortController()
    far.onWrite = () => setTimeout(() => abort.abort(), 100)
    expect(await bench.run("apply", { rev: 3 }, {}, { signal: abort.signal })).toBe(130)
    far.onWrite = undefined
    far.hangs = false
    expect(await bench.run("apply", { rev: 4, checks: false, replaced: true })).toBe(0)

    far.fails = "deletes"
    expect(await bench.run("apply", { rev: 4 }, { destroy: true })).toBe(1)
    far.fails = undefined
    expect(await bench.run("apply", { rev: 4 }, { destroy: true })).toBe(0)
    expect(far.things.size).toBe(0)

    expect(bench.bytes).toBeGreaterThan(1_000_000)
    expect(bench.found()).toEqual([])
  },
)

test("what a command says after its task was given up is told to nobody: it may be the rest of a secret", async () => {
  const folder = testFolder()
  const value = letters(new Seeded(3), 40)
  const grep = new Grep()
  grep.add("key", value)
  const said = join(folder, "said")
  const built = program("late", {}, () => {
    const key = secret.env("KEY")
    const half = `\${KEY%"\${KEY#????????????????????}"}`
    task("given up", {
      run: async (call) => {
        const script = `trap '' TERM; printf %s "${half}"; sleep 1.2; echo "\${KEY#????????????????????}"; echo > "$0"`
        await call.run(["sh", "-c", script, said], { env: { KEY: call.reveal(key) } })
      },
      secrets: [key],
      timeoutMs: 600,
    })
    task("goes on", { run: ["sh", "-c", 'while [ ! -e "$0" ]; do sleep 0.1; done; sleep 0.3', said] })
  })
  const lines: string[] = []
  const env = { PATH: process.env.PATH, HOME: folder, KEY: value }
  const setup = {
    ...localSetup(built, { folder, env }),
    subscribers: [(event: unknown) => lines.push(latin(JSON.stringify(event)))],
  }
  expect((await applyProgram(setup, {}, async () => true)).exitCode).toBe(1)
  expect(lines.join("\n")).toContain("it was stopped after 600 ms, its limit")
  expect(lines.join("\n")).toContain("[cut off where a secret may begin]")
  expect(grep.hits(lines.join("\n"))).toEqual([])
})

/** A program of files alone, as a user has it: everything it is given it prints. */
const CLI_PROGRAM = `
import { check, command, host, json, program, resource, secret, task, text } from "./imports.ts"

export default program("leaky", { kill: false, rev: 1 }, ({ kill, rev }) => {
  const web = host.local()
  const all = Array.from({ length: 10 }, (_, at) => secret.env("SECRET_" + at))
  const made = secret.random("made-once")
  const [first] = all
  const config = resource(host.file, "config", { path: FOLDER + "/config.json", content: json({ rev, all, made }), mode: "0600" }, { on: web })
  const url = resource(host.file, "url", { path: FOLDER + "/url", content: text\`postgres://shop:\${made}@db/\${first}\`, mode: "0600" }, { on: web })
  const env = Object.fromEntries(all.map((each, at) => ["S" + at, each]))
  const print = 'i=0; while [ $i -lt 10 ]; do eval "printf \\"%s\\" \\"\\$S$i\\""; eval "printf \\"%s\\n\\" \\"\\$S$i\\" >&2"; i=$((i+1)); done; printf %s "$M" | base64; '
  const after = [config, url]
  task("prints", { run: ["sh", "-c", print + (kill ? "kill -9 $PPID; sleep 1" : "exit 0")], env: { ...env, M: made }, values: { rev, all }, finally: [["cat", FOLDER + "/config.json"]] }, { after })
  task("fails", { run: ["sh", "-c", print + "cat; exit 7"], env: { ...env, M: made }, input: first, values: { rev } }, { after })
  check("says no", command.succeeds(["sh", "-c", print + "exit 1"], {}, { env: { ...env, M: made } }), { after })
})
`

test("the command line: no byte of stdout, stderr, plan files, logs and state holds a secret, also after SIGKILL", {
  timeout: 120_000,
}, async () => {
  const user = place()
  const random = new Seeded(3)
  const grep = new Grep()
  const env: Record<string, string> = {}
  for (const [at, style] of STYLES.entries()) {
    env[`SECRET_${at}`] = style(random)
    grep.add(`env ${at}`, env[`SECRET_${at}`] as string)
  }
  user.write("imports.ts", 'export * from "fettle"\nexport * as host from "fettle/host"\n')
  user.write("fettle.ts", CLI_PROGRAM.replaceAll("FOLDER", JSON.stringify(user.path("far"))))
  mkdirSync(user.path("far"))
  const sinks: (readonly [string, string])[] = []
  const run = async (...args: string[]): Promise<{ code: number | null; signal: NodeJS.Signals | null }> => {
    const ended = await user.fettle(args, { env })
    sinks.push([`${args.join(" ")}: stdout`, latin(ended.stdout)], [`${args.join(" ")}: stderr`, latin(ended.stderr)])
    for (const [name, bytes] of filesIn(user.path(".fettle"))) sinks.push([`${args.join(" ")}: ${name}`, bytes])
    return ended
  }
  mkdirSync(user.path(".fettle"), { recursive: true, mode: 0o700 })
  expect(await run("plan", "--out", ".fettle/saved.plan.json")).toMatchObject({ code: 0 })
  expect(await run("apply", "--yes", "--param", "kill=true")).toMatchObject({ signal: "SIGKILL" })
  const config = JSON.parse(user.read("far/config.json"))
  expect(config.all).toEqual(Object.values(env))
  grep.add("random", config.made)
  grep.add("derived config", user.read("far/config.json"))
  grep.add("derived url", user.read("far/url"))
  expect(await run("apply", "--yes")).toMatchObject({ code: 1 })
  expect(JSON.parse(user.read("far/config.json")).made).toBe(config.made)
  await run("apply", "--yes", "--json", "--param", "rev=2")
  grep.add("derived config 2", user.read("far/config.json"))
  await run("plan", "--json", "--out", ".fettle/second.plan.json", "--param", "rev=3")
  await run("verify")
  for (const args of [
    ["state", "list"],
    ["state", "export"],
    ["output"],
    ["runs"],
    ["state", "show", "host.file[config]"],
  ])
    await run(...args)
  expect(await run("destroy", "--yes")).toMatchObject({ code: 0 })
  expect(sinks.flatMap(([name, bytes]) => grep.hits(bytes).map((hit) => `${name}: ${hit}`))).toEqual([])
  expect(sinks.map(([, bytes]) => bytes).join("")).toContain("[secret ")
})

// ── what a run may open ─────────────────────────────────────────────────────────────────────────────────────────────

const holderProps = z.strictObject({
  name: z.string(),
  value: z.unknown(),
  opens: z.custom<() => Secret<string>>().optional(),
  dies: z.boolean().optional(),
})
const holderOutputs = z.object({ name: z.string(), seen: z.string() })
const held = new Map<string, unknown>()

/** Keeps opened values in memory, so that a test can look at them. */
const holder = provider<typeof holderProps, typeof holderOutputs, undefined>({
  kind: "test.holder",
  version: 1,
  about: "Holds a value.",
  connects: "none",
  props: holderProps,
  outputs: holderOutputs,
  settles: "unique",
  id: (want) => want.name,
  read: async (keys) =>
    new Map(
      keys.map((key) => [
        key.address,
        held.has(key.id ?? "") ? { outputs: { name: key.id ?? "", seen: "yes" } } : { absent: true as const },
      ]),
    ),
  plan: (_want, seen) => ({ action: "outputs" in seen ? "none" : "create" }),
  ensure: async (want, _seen, _change, call) => {
    if (want.dies === true) throw new Error("cut off")
    held.set(want.name, want.opens === undefined ? revealed(want.value, call) : call.reveal(want.opens()))
    return { name: want.name, seen: "yes" }
  },
  delete: async (seen) => void ("outputs" in seen && held.delete(seen.outputs.name)),
})

function one(name: string, value: unknown, more: object = {}): Program {
  return program("one", {}, () => void resource(holder, name, { name, value, ...more }), { providers: [holder] })
}

async function applied(folder: string, built: Program, env: Record<string, string> = {}) {
  return applyProgram(
    localSetup(built, { folder, env: { PATH: process.env.PATH, HOME: folder, ...env } }),
    {},
    async () => true,
  )
}

function codesOf(result: Awaited<ReturnType<typeof applied>>): readonly (string | undefined)[] {
  return [
    result.error?.code,
    ...(result.plan?.changes ?? []).map((each) => each.error?.code),
    ...(result.applied?.outcomes ?? []).map((each) => each.error?.code),
  ].filter((each) => each !== undefined)
}

test("every source says what is missing, weak or exposed", async () => {
  const folder = testFolder()
  writeFileSync(join(folder, "open"), "readable-by-others", { mode: 0o644 })
  writeFileSync(join(folder, "short"), "short\n", { mode: 0o600 })
  const cases: readonly (readonly [string, Secret<string>, string])[] = [
    ["env", secret.env("NOT_THERE"), "SECRET_MISSING"],
    ["env-empty", secret.env("EMPTY"), "SECRET_MISSING"],
    ["file", secret.file(join(folder, "none")), "SECRET_MISSING"],
    ["folder", secret.file(folder), "SECRET_MISSING"],
    ["command", secret.command(["false"]), "SECRET_MISSING"],
    ["no-command", secret.command(["no-such-command-anywhere"]), "SECRET_MISSING"],
    ["prompt", secret.prompt("password"), "SECRET_MISSING"],
    ["exposed", secret.file(join(folder, "open")), "SECRET_EXPOSED"],
    ["weak-env", secret.env("SHORT"), "SECRET_WEAK"],
    ["weak-file", secret.file(join(folder, "short")), "SECRET_WEAK"],
  ]
  for (const [name, value, code] of cases) {
    const result = await applied(folder, one(name, value), { EMPTY: "", SHORT: "1234567" })
    expect(result.exitCode, name).toBe(1)
    expect(codesOf(result), name).toContain(code)
    expect(held.has(name), name).toBe(false)
  }
  expect(
    (await applied(folder, one("weak-said", secret.env("SHORT", { weak: true })), { SHORT: "1234567" })).outcome,
  ).toBe("done")
  expect(held.get("weak-said")).toBe("1234567")
})

test("a weak secret that is an ordinary word, and a number that is a secret, leave state readable", async () => {
  const folder = testFolder()
  const env = { WORD: "name", NUMBER: "1234567890" }
  const built = (): Program =>
    program(
      "one",
      {},
      () => {
        resource(holder, "word", { name: "word", value: secret.env("WORD", { weak: true }) })
        resource(holder, "number", { name: "number", value: { secret: secret.env("NUMBER"), open: 1234567890 } })
      },
      { providers: [holder] },
    )
  expect((await applied(folder, built(), env)).error).toBeUndefined()
  expect((await applied(folder, built(), env)).error).toBeUndefined()
  for (const [, bytes] of filesIn(join(folder, ".fettle"))) expect(bytes).not.toContain("1234567890")
})

test("a node cannot reveal a secret that it does not name", async () => {
  const other = secret.env("OTHER")
  const built = program("one", {}, () => {
    resource(holder, "names", { name: "names", value: other })
    resource(holder, "steals", { name: "steals", value: "", opens: () => other })
  })
  const result = await applied(testFolder(), built, { OTHER: "somebody-elses-secret" })
  expect(result.applied?.outcomes.find((each) => each.address === "test.holder[steals]")?.error?.code).toBe(
    "SECRET_NOT_NAMED",
  )
  expect(held.has("steals")).toBe(false)
})

test("a random secret is made once, also when the run that made it failed, and beside an output that is not known yet", async () => {
  const folder = testFolder()
  const built = (dies: boolean): Program =>
    program(
      "one",
      {},
      () => {
        const made = secret.random("password", { bytes: 16 })
        const first = resource(holder, "first", { name: "random-first", value: made })
        resource(holder, "second", { name: "random-second", value: text`${first.seen}:${made}`, dies })
      },
      { providers: [holder] },
    )
  expect((await applied(folder, built(true))).outcome).toBe("failed")
  const made = held.get("random-first") as string
  expect(made).toMatch(/^[A-Za-z0-9_-]{22}$/)
  expect((await applied(folder, built(false))).outcome).toBe("done")
  expect(held.get("random-second")).toBe(`yes:${made}`)
  held.delete("random-first")
  expect((await applied(folder, built(false))).outcome).toBe("done")
  expect(held.get("random-first")).toBe(made)
})

test("a missing or wrong data key is an error, and no new one is made", async () => {
  const folder = testFolder()
  const env = { TOKEN: "a-long-enough-token" }
  const built = (): Program => one("keyed", secret.env("TOKEN"))
  expect((await applied(folder, built(), env)).outcome).toBe("done")
  const file = join(folder, ".config", "fettle", "state.key")
  const key = readFileSync(file)
  const other = Buffer.alloc(32, 9).toString("base64")
  expect((await applied(folder, built(), { ...env, FETTLE_STATE_KEY: other })).error?.code).toBe("STATE_KEY_WRONG")
  rmSync(file)
  expect((await applied(folder, built(), env)).error?.code).toBe("STATE_KEY_MISSING")
  const setup = localSetup(built(), { folder, env: { HOME: folder, ...env } })
  expect((await planProgram(setup, { bound: true })).error?.code).toBe("STATE_KEY_MISSING")
  expect(existsSync(file)).toBe(false)
  expect((await applied(folder, built(), { ...env, FETTLE_STATE_KEY: key.toString().trim() })).outcome).toBe(
    "unchanged",
  )
  writeFileSync(file, key, { mode: 0o644 })
  expect((await applied(folder, built(), env)).error?.code).toBe("SECRET_EXPOSED")
})
