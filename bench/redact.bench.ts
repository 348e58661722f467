// Redaction: 1,000 secrets in all their forms, looked for in logs and in random hex (whose alphabet hex and base64 forms
// share, so that filters by first byte let everything through). Beside it, what one writes by hand: one regular
// expression of all forms, or one `replaceAll` for each form, whichever is faster; on a shorter piece of the same text.
// Rates and times count the processor time of this process, all threads: the same as wall time on an idle machine.
import { createHash } from "node:crypto"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { formsOf } from "../src/secrets/forms.ts"
import { createRedactor, type Redactor, type RedactorEntry } from "../src/secrets/redactor.ts"
import type { Bench } from "./context.ts"

const ROUNDS = 5
const TEXT_BYTES = 32_000_000
const BY_HAND_BYTES = 50_000
const CHUNK_BYTES = 65_536

export default async (bench: Bench) => {
  const thousand = secrets(1_000)
  const formCount = new Set(
    thousand.flatMap(({ value }) => formsOf(value).map((form) => Buffer.from(form).toString("latin1"))),
  ).size
  bench.row({ name: "forms of 1,000 secrets", unit: "forms", ours: formCount })
  bench.row({ name: "memory, 1,000 secrets", unit: "MB", ours: memoryMb(thousand), target: "ours <= 100" })
  await createTime(bench, thousand)

  const redactor = createRedactor(thousand)
  const clean = logs(TEXT_BYTES, [])
  const hex = randomHex(TEXT_BYTES)
  const fast = "ours >= 100"
  await speed(
    bench,
    "1,000 secrets, logs, one secret in 100 kB",
    thousand,
    whole(redactor),
    logs(TEXT_BYTES, thousand),
    fast,
  )
  await speed(bench, "1,000 secrets, logs without a secret", thousand, whole(redactor), clean, fast)
  await speed(bench, "1,000 secrets, logs, in 64 KiB chunks", thousand, chunked(redactor), clean, fast)
  await speed(bench, "1,000 secrets, random hex", thousand, whole(redactor), hex, fast)
  await speed(bench, "1,000 secrets, random hex in lines of 64", thousand, whole(redactor), inLines(hex, 64), fast)
  await speed(
    bench,
    "1,000 secrets, made to be slow",
    thousand,
    whole(redactor),
    beginnings(thousand, TEXT_BYTES / 4),
    "ours >= 25",
  )
  const ten = thousand.slice(0, 10)
  await speed(bench, "10 secrets, logs without a secret", ten, whole(createRedactor(ten)), clean, fast)
  await shortText(bench, redactor, ten)
}

/** Passwords, tokens, keys and URLs: what a large delivery really holds. The same in each run. */
function secrets(count: number): (RedactorEntry & { readonly value: string })[] {
  const marks = `!@#$%&*()/+"' `
  return Array.from({ length: count }, (_, i) => {
    const bytes = createHash("sha512").update(`secret ${i}`).digest()
    const value = [
      bytes.toString("hex").slice(0, 32 + (i % 33)),
      bytes.toString("base64").slice(0, 24 + (i % 40)),
      [...bytes.toString("base64").slice(0, 8 + (i % 24))]
        .map((char, at) => (at % 4 === 2 ? marks[i % marks.length] : char))
        .join(""),
      `postgres://app:${bytes.toString("base64url").slice(0, 20)}@db.internal:5432/orders`,
      `sk_live_${bytes.toString("base64url").slice(0, 32)}`,
    ][i % 5] as string
    return { name: `s${i}`, value }
  })
}

/** Lines as a web service writes them, half of them JSON; `planted` stand in them now and then. */
function logs(sizeBytes: number, planted: readonly { readonly value: string }[]): Uint8Array {
  const lines: string[] = []
  for (let size = 0, i = 0; size < sizeBytes; i++) {
    const trace = createHash("md5").update(`${i}`).digest("hex").slice(0, 16)
    const time = `2026-11-23T03:${String(i % 60).padStart(2, "0")}:12.${100 + (i % 900)}Z`
    const secret = planted.length > 0 && i % 600 === 0 ? ` key=${planted[(i / 600) % planted.length]?.value}` : ""
    const words = `GET /api/v1/orders/${i % 99_991}?page=${i % 7} 200 ${i % 300}ms trace=${trace} remote=10.0.${i % 255}.${i % 13}`
    const json = JSON.stringify({
      level: 30,
      time: 1_700_000_000_000 + i,
      pid: 77,
      host: "web-1",
      trace,
      msg: `${words}${secret}`,
    })
    const line = i % 2 === 0 ? `${time} INFO [http] ${words} agent="Mozilla/5.0 (X11; Linux)"${secret}\n` : `${json}\n`
    lines.push(line)
    size += line.length
  }
  return new TextEncoder().encode(lines.join(""))
}

function randomHex(sizeBytes: number): Uint8Array {
  const blocks = Array.from({ length: sizeBytes / 128 }, (_, i) =>
    createHash("sha512").update(`hex ${i}`).digest("hex"),
  )
  return new TextEncoder().encode(blocks.join(""))
}

function inLines(text: Uint8Array, columns: number): Uint8Array {
  const lines =
    Buffer.from(text)
      .toString("latin1")
      .match(new RegExp(`.{1,${columns}}`, "g")) ?? []
  return new TextEncoder().encode(lines.join("\n"))
}

/** Secrets without their last character: each nearly matches. */
function beginnings(entries: readonly { readonly value: string }[], sizeBytes: number): Uint8Array {
  const once = entries.map(({ value }) => value.slice(0, -1)).join("")
  return new TextEncoder().encode(once.repeat(Math.ceil(sizeBytes / once.length)))
}

type Redact = (text: Uint8Array) => void

function whole(redactor: Redactor): Redact {
  return (text) => void redactor.redact(text)
}

function chunked(redactor: Redactor): Redact {
  return (text) => {
    const stream = redactor.stream()
    for (let at = 0; at < text.length; at += CHUNK_BYTES) stream.write(text.subarray(at, at + CHUNK_BYTES))
    stream.end()
  }
}

async function speed(
  bench: Bench,
  name: string,
  entries: readonly RedactorEntry[],
  redact: Redact,
  text: Uint8Array,
  target?: string,
): Promise<void> {
  const piece = Buffer.from(text.subarray(0, BY_HAND_BYTES)).toString("latin1")
  const byHand = fasterByHand(entries, piece)
  redact(text) // both sides are compiled before they are timed
  const { ours, other } = await bench.interleave(ROUNDS, {
    ours: () => rateMbs(text.length, () => redact(text)),
    other: () => rateMbs(piece.length, () => byHand.redact(piece)),
  })
  bench.row({ name, unit: "MB/s", ours, other, otherName: byHand.name, ...(target === undefined ? {} : { target }) })
}

function rateMbs(sizeBytes: number, work: () => void): number {
  const begun = process.cpuUsage()
  work()
  return sizeBytes / 1_000 / spentMs(begun)
}

function spentMs(begun: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begun)
  return Math.max(1, user + system) / 1_000
}

function fasterByHand(
  entries: readonly RedactorEntry[],
  piece: string,
): { name: string; redact(text: string): string } {
  const forms = new Set(
    entries.flatMap(({ value }) => formsOf(value)).map((form) => Buffer.from(form).toString("latin1")),
  )
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  const expression = new RegExp(
    longestFirst.map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"),
    "g",
  )
  const ways = [
    { name: "one RegExp", redact: (text: string) => text.replace(expression, "[secret]") },
    {
      name: "replaceAll each",
      redact: (text: string) => longestFirst.reduce((rest, form) => rest.replaceAll(form, "[secret]"), text),
    },
  ]
  const rates = ways.map(({ redact }) => {
    redact(piece)
    return rateMbs(piece.length, () => void redact(piece))
  })
  return ways[rates.indexOf(Math.max(...rates))] as (typeof ways)[number]
}

async function createTime(bench: Bench, entries: readonly RedactorEntry[]): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.cpuUsage()
    createRedactor(entries).redactText("the first call builds the tables")
    times.push(spentMs(begun))
  }
  times.sort((a, b) => a - b)
  bench.row({ name: "create, 1,000 secrets", unit: "ms", ours: times[ROUNDS >> 1] as number, target: "ours <= 500" })
}

function memoryMb(entries: readonly RedactorEntry[]): number {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const usedMb = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return (heapUsed + external) / 1e6
  }
  const before = usedMb()
  const redactor = createRedactor(entries)
  redactor.redactText("the first call builds the tables")
  const used = usedMb() - before
  redactor.redactText("alive until here")
  return used
}

/** A line of an event: what most calls are. */
async function shortText(bench: Bench, redactor: Redactor, ten: readonly RedactorEntry[]): Promise<void> {
  const line = "2026-11-23T03:12:12.123Z INFO [http] GET /api/v1/orders/4711?page=3 200 12ms trace=0123456789abcdef ok"
  const byHand = fasterByHand(ten, line)
  const calls = 100_000
  const nanoseconds = (redact: (text: string) => string) => {
    const begun = process.cpuUsage()
    for (let i = 0; i < calls; i++) redact(line)
    return (spentMs(begun) / calls) * 1e6
  }
  const { ours, other } = await bench.interleave(ROUNDS, {
    ours: () => nanoseconds((text) => redactor.redactText(text)),
    other: () => nanoseconds(byHand.redact),
  })
  const otherName = `${byHand.name}, 10 secrets`
  bench.row({
    name: "1,000 secrets, text of 100 characters",
    unit: "ns",
    ours,
    other,
    otherName,
    target: "ours <= 5000",
  })
}
