import { createSocket } from "node:dgram"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { dialHere } from "../../connect/dial.ts"
import { runCommand } from "../../connect/process.ts"
import { FACILITIES, SYSLOG } from "../../program/audit-sinks.ts"
import type { Recorded } from "../fact.ts"
import { lineOf, type Sink } from "./sink.ts"

/** Severity "notice" of RFC 5424: normal, and worth to be kept. */
const NOTICE = 5
/** Longest that a server may take. */
const SENT_MS = 5_000
/** A host that has nothing at a port says so within this, if it says anything. */
const REFUSED_MS = 50
/** Of a local socket: longer than any entry. */
const LINE_MAX = "64KiB"

/** Sends entries as RFC 5424, by UDP, by TCP with counted octets (RFC 6587), or by the socket of this machine. */
export function syslogSink(
  address: string,
  facility: keyof typeof FACILITIES,
  required: boolean,
  base: Readonly<Record<string, string | undefined>>,
): Sink {
  const [, protocol, host = "", port, path = ""] = SYSLOG.exec(address) ?? []
  const to = { host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? (protocol === "tcp" ? 601 : 514)) }
  const send: Sink["send"] = async (records, place, signal) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(SENT_MS)])
    if (protocol === undefined) return local(path, facility, records, place, base)
    const messages = records.map((each) => Buffer.from(messageOf(each, place, FACILITIES[facility])))
    return protocol === "tcp" ? byTcp(to, messages, limited) : byUdp(to, messages)
  }
  return { id: `syslog ${address}`, required, batch: 500, send }
}

/** `<PRI>1 TIME HOST APP PROCID MSGID - JSON`: every field is printable ASCII without a space, whatever came in. */
export function messageOf(record: Recorded, place: string, facility: number): string {
  const field = (text: string, most: number): string => text.replace(/[^\x21-\x7e]/g, "_").slice(0, most) || "-"
  const head = [
    `<${facility * 8 + NOTICE}>1`,
    field(record.at, 32),
    field(record.host, 255),
    "fettle",
    field(String(record.pid), 128),
    field(record.fact.type, 32),
    "-",
  ]
  return `${head.join(" ")} ${lineOf(record, place)}`
}

interface To {
  readonly host: string
  readonly port: number
}

/** TCP says nothing of what was taken; a server that has read all of it closes when we do, one that has not resets. */
async function byTcp(to: To, messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const socket = await dialHere(to, signal)
  const late = (): void => void socket.destroy(new Error(`no end within ${SENT_MS} ms`))
  signal.addEventListener("abort", late, { once: true })
  try {
    const closed = once(socket, "close")
    socket.resume() // what it says is not listened to
    socket.end(Buffer.concat(messages.flatMap((each) => [Buffer.from(`${each.length} `), each])))
    await closed
    if (socket.errored !== null) throw socket.errored
  } finally {
    signal.removeEventListener("abort", late)
    socket.destroy()
  }
}

async function byUdp(to: To, messages: readonly Buffer[]): Promise<void> {
  const socket = createSocket(to.host.includes(":") ? "udp6" : "udp4")
  try {
    const failed = once(socket, "error").then(([error]) => Promise.reject(error))
    failed.catch(() => {})
    socket.connect(to.port, to.host)
    await Promise.race([once(socket, "connect"), failed])
    for (const message of messages)
      await new Promise<void>((sent, reject) => socket.send(message, (error) => (error ? reject(error) : sent())))
    await Promise.race([sleep(REFUSED_MS), failed])
  } finally {
    socket.close()
  }
}

/** Node speaks no datagrams of local sockets; `logger` does. One line is one message, and lines hold no line break. */
async function local(
  path: string,
  facility: string,
  records: readonly Recorded[],
  place: string,
  base: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const input = records.map((each) => `${lineOf(each, place)}\n`).join("")
  const words = ["--socket", path, "--socket-errors=on", "--size", LINE_MAX, "--rfc5424=notq", "--tag", "fettle"]
  const command = ["logger", ...words, "--priority", `${facility}.notice`]
  const { exitCode, stderr } = await runCommand(command, { input, base, timeoutMs: SENT_MS, check: false })
  if (exitCode !== 0) throw new Error(Buffer.from(stderr).toString().trim() || `logger ended with ${exitCode}`)
}
