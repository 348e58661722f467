import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { createHmac } from "node:crypto"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { expect, onTestFinished, test, vi } from "vitest"
import { AuditChain } from "../../src/audit/chain.ts"
import { deliver } from "../../src/audit/deliver.ts"
import { sinksFrom } from "../../src/audit/sinks/made.ts"
import type { Sink } from "../../src/audit/sinks/sink.ts"
import type { AuditSink } from "../../src/program/audit-sinks.ts"
import { DataKey } from "../../src/secrets/key.ts"
import { secret } from "../../src/secrets/sources.ts"
import { fileHome } from "../../src/state/file-home.ts"
import { freePort } from "../support/free-port.ts"
import { mayMount } from "../support/may-mount.ts"
import { need } from "../support/need.ts"
import { said } from "../support/record-contract.ts"
import { testFolder } from "../support/runs.ts"

const PLACE = "shop.prod/audit"
const key = secret.env("AUDIT_KEY")

/** A record in a file, and a sink as a program names it. */
function sent(given: AuditSink): {
  folder: string
  chain: AuditChain
  sink: Sink
  record(...whats: string[]): Promise<void>
  deliver(): Promise<string | undefined>
} {
  const folder = testFolder()
  const chain = new AuditChain(fileHome(join(folder, "state", "shop.prod.db")).record, new DataKey(new Uint8Array(32)))
  onTestFinished(() => chain.close())
  const reveal = async (): Promise<string> => "the key of the sink"
  const [sink] = sinksFrom([given], { folder, base: { PATH: process.env.PATH }, reveal }) as [Sink]
  return {
    folder,
    chain,
    sink,
    record: (...whats) => chain.append(whats.map((what) => said(what))),
    deliver: async () => (await deliver(chain, [sink], PLACE))[0]?.because,
  }
}

const whatIn = (line: string): string => JSON.parse(line).fact.what
const linesOf = (file: string): readonly string[] => readFileSync(file, "utf8").trimEnd().split("\n")

test("a file gets every entry once, in order, as a line that nothing in it can break", async () => {
  const { folder, record, deliver: send } = sent({ file: "logs.jsonl" })
  const hostile = "a\r\nb\u2028c\u0085\u202e\u001b[2J\u0000\ud800 <b>"
  await record("one", hostile)
  expect(await send()).toBeUndefined()
  await record("three")
  expect(await send()).toBeUndefined()
  expect(await send()).toBeUndefined()
  const file = join(folder, "logs.jsonl")
  const raw = readFileSync(file, "utf8")
  expect(raw).toMatch(/^[\x20-\x7e\n]*$/)
  expect(linesOf(file).map(whatIn)).toEqual(["one", hostile, "three"])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test("a line that was cut off is ended, and its entry comes again whole", async () => {
  const { folder, record, deliver: send } = sent({ file: "logs.jsonl" })
  const file = join(folder, "logs.jsonl")
  writeFileSync(file, '{"fettle":"audit/1","pla')
  await record("one")
  expect(await send()).toBeUndefined()
  expect(linesOf(file)).toHaveLength(2)
  expect(whatIn(linesOf(file)[1] as string)).toBe("one")
})

test("what is no file is refused at once, and nothing is lost", async () => {
  const { folder, record, deliver: send } = sent({ file: "logs.jsonl" })
  const file = join(folder, "logs.jsonl")
  await record("one")
  execFileSync("mkfifo", [file])
  expect(await send()).toMatch(/is not a file|ENXIO/)
  execFileSync("rm", [file])
  symlinkSync("/dev/full", file)
  expect(await send()).toMatch(/is not a file/)
  execFileSync("rm", [file])
  mkdirSync(file)
  expect(await send()).toMatch(/EISDIR/)
  execFileSync("rmdir", [file])
  await record("two")
  expect(await send()).toBeUndefined()
  expect(linesOf(file).map(whatIn)).toEqual(["one", "two"])
})

test.skipIf(!mayMount())("a sink whose disk is full gets it with the next run", async () => {
  const { folder, record, deliver: send } = sent({ file: "disk/logs.jsonl" })
  mkdirSync(join(folder, "disk"))
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8192", "full", join(folder, "disk")])
  onTestFinished(() => void execFileSync("umount", ["-l", join(folder, "disk")]))
  await record("one")
  expect(await send()).toBeUndefined()
  writeFileSync(join(folder, "disk", "filler"), Buffer.alloc(4096))
  await record(..."abcdefghijklmnopqrst".split(""))
  expect(await send()).toMatch(/ENOSPC/)
  execFileSync("rm", [join(folder, "disk", "filler")])
  execFileSync("mount", ["-o", "remount,size=65536", join(folder, "disk")])
  expect(await send()).toBeUndefined()
  const whole = linesOf(join(folder, "disk", "logs.jsonl")).flatMap((line) => {
    try {
      return [whatIn(line)]
    } catch {
      return [] // cut off where the disk was full
    }
  })
  expect([...new Set(whole)]).toEqual(["one", ..."abcdefghijklmnopqrst"])
})

/** A webhook of a test's own. */
async function webhook(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    bodies.push(body)
    answer(request, response, body)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const taken = (): readonly string[] =>
    bodies.flatMap((body) => JSON.parse(body).entries.map((each: { fact: { what: string } }) => each.fact.what))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit`, bodies, taken }
}

test("a webhook gets entries signed with a secret, and only a 2xx says that it has them", async () => {
  const statuses = [500, 503, 204, 404, 302, 200]
  const signed: boolean[] = []
  const far = await webhook((request, response, body) => {
    const [, seconds, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers["fettle-signature"])) ?? []
    const expected = createHmac("sha256", "the key of the sink").update(`${seconds}.${body}`).digest("hex")
    signed.push(mac === expected && Math.abs(Number(seconds) - Date.now() / 1_000) < 60)
    response.writeHead(statuses.shift() ?? 200, { location: "http://127.0.0.1:9/elsewhere" }).end("x".repeat(100_000))
  })
  const { record, deliver: send } = sent({ webhook: far.url, key })
  await record("one", "two")
  expect(await send(), "it is tried again").toBeUndefined()
  await record("three")
  expect(await send()).toBe("status 404")
  expect(await send(), "a redirect is not followed").toBe("status 302")
  expect(await send()).toBeUndefined()
  expect(far.taken()).toEqual(["one", "two", "one", "two", "one", "two", "three", "three", "three"])
  expect(signed.every(Boolean)).toBe(true)
})

test("a webhook that hangs, that resets, that is gone: entries wait for the next run, in order", {
  timeout: 60_000,
}, async () => {
  let behave: (request: IncomingMessage, response: ServerResponse) => void = () => {}
  const far = await webhook((request, response) => behave(request, response))
  const { record, deliver: send, chain } = sent({ webhook: far.url, key })
  await record("one")
  expect(await send(), "no answer").toMatch(/TIMEOUT/)
  behave = (request) => void request.socket.destroy()
  await record("two")
  expect(await send()).toMatch(/UND_ERR|ECONNRESET/)
  expect((await chain.head())?.delivered).toBeUndefined()
  behave = (_request, response) => void response.end()
  await record("three")
  expect(await send()).toBeUndefined()
  expect(far.taken().slice(-3)).toEqual(["one", "two", "three"])
  const gone = sent({ webhook: `http://127.0.0.1:${await freePort()}/`, key })
  await gone.record("one")
  expect(await gone.deliver()).toBe("ECONNREFUSED")
})

/** Takes syslog over TCP and gives its messages. */
async function tcpSyslog(onSocket: (socket: Socket) => void = (socket) => void socket.on("end", () => socket.end())) {
  let bytes = ""
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on("data", (chunk) => {
      bytes += chunk
    })
    socket.on("error", () => {})
    onSocket(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  return { address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, messages: () => counted(bytes) }
}

/** RFC 6587: each message with its count of octets before it. */
function counted(bytes: string): readonly string[] {
  const messages: string[] = []
  for (let rest = bytes; rest !== ""; ) {
    const [head, count] = /^(\d+) /.exec(rest) ?? []
    if (head === undefined) throw new Error(`no count: ${rest.slice(0, 80)}`)
    messages.push(rest.slice(head.length, head.length + Number(count)))
    rest = rest.slice(head.length + Number(count))
  }
  return messages
}

const RFC_5424 = /^<(\d+)>1 (\S+) (\S{1,255}) fettle (\S{1,128}) (\S{1,32}) - (\{.*\})$/

test("syslog by TCP: RFC 5424 in counted octets, and a host name that would be a line of its own is none", async () => {
  const far = await tcpSyslog()
  const { chain, deliver: send } = sent({ syslog: far.address, facility: "local3" })
  await chain.append([said("one"), said("two\n<13>1 - - - - - forged", { host: "evil host\n<0>1 x", who: "a\r\nb" })])
  expect(await send()).toBeUndefined()
  const messages = far.messages()
  expect(messages).toHaveLength(2)
  for (const message of messages) expect(message).toMatch(/^[\x20-\x7e]+$/)
  const [, priority, at, host, , type, json] = RFC_5424.exec(messages[1] as string) ?? []
  expect([priority, host, type]).toEqual([String(19 * 8 + 5), "evil_host__0_1_x".replace("_0_", "<0>"), "by.hand"])
  expect(Date.parse(at ?? "")).toBeGreaterThan(0)
  expect(whatIn(json as string)).toBe("two\n<13>1 - - - - - forged")
})

test("syslog by TCP: a server that resets or never closes has not taken it", { timeout: 30_000 }, async () => {
  const resets = await tcpSyslog((socket) => void setTimeout(() => socket.resetAndDestroy(), 20))
  const first = sent({ syslog: resets.address })
  await first.record("one")
  expect(await first.deliver()).toMatch(/ECONNRESET/)
  const hangs = await tcpSyslog(() => {})
  const second = sent({ syslog: hangs.address })
  await second.record("one")
  expect(await second.deliver()).toBe("no end within 5000 ms")
})

test("syslog by UDP: a datagram for each entry; a port where nobody is says so", async () => {
  const server = createSocket("udp4")
  const got: string[] = []
  server.on("message", (message) => got.push(String(message)))
  server.bind(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address()
  const far = sent({ syslog: `udp://127.0.0.1:${port}` })
  await far.record("one", "two")
  expect(await far.deliver()).toBeUndefined()
  await vi.waitUntil(() => got.length === 2)
  expect(got.map((each) => whatIn(RFC_5424.exec(each)?.[6] as string))).toEqual(["one", "two"])
  await new Promise<void>((closed) => server.close(() => closed()))
  await far.record("three")
  expect(await far.deliver()).toMatch(/ECONNREFUSED/)
})

const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
while True: print(repr(s.recv(65536).decode()), flush=True)
`

test.skipIf(
  !need("logger", { install: "apt-get install bsdutils" }) || !need("python3", { install: "apt-get install python3" }),
)("syslog by the socket of this machine: a message for each entry; where there is none it is said", async () => {
  const socket = join(testFolder(), "log")
  const far = sent({ syslog: `unix:${socket}` })
  await far.record("one", "two\nthree")
  expect(await far.deliver()).toMatch(/socket|No such file/)
  const listener: ChildProcess = spawn("python3", ["-c", LISTEN, socket], { stdio: ["ignore", "pipe", "inherit"] })
  onTestFinished(() => void listener.kill("SIGKILL"))
  let printed = ""
  listener.stdout?.on("data", (chunk) => {
    printed += chunk
  })
  await vi.waitUntil(() => printed.includes("ready"), { timeout: 10_000 })
  expect(await far.deliver()).toBeUndefined()
  await vi.waitUntil(() => printed.split("\n").length >= 4, { timeout: 10_000 })
  const messages = printed.split("\n").slice(1, 3)
  for (const message of messages) expect(message).toMatch(/^'<37>1 \S+ \S+ fettle .*\{"fettle":"audit\/1"/)
  expect(messages[1]).toContain(String.raw`two\\nthree`)
})
