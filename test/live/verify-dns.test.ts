import { spawn } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { dns } from "../../src/program/probes.ts"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"
import { ask, atEnd, newFolder } from "./verify-support.ts"

const withServer = test.skipIf(!need("dnsmasq", { install: "apt-get install dnsmasq-base" }))

/** What the server knows: all of `.test`, and nothing beyond it, which it refuses to answer. */
const ZONE = [
  "local=/test/",
  "host-record=shop.test,192.0.2.1,2001:db8::1",
  "host-record=many.test,192.0.2.2",
  "host-record=many.test,192.0.2.3",
  "host-record=www-target.test,192.0.2.4",
  "cname=www.test,www-target.test",
  "mx-host=shop.test,Mail.Shop.Test,10",
  'txt-record=shop.test,"v=spf1 mx -all","second part"',
  "srv-host=_sip._tcp.shop.test,sip.shop.test,5060,0,5",
  "caa-record=shop.test,0,issue,ca.example",
  "dns-rr=shop.test,2,024E73047465737400", // NS, in the bytes that go over the wire: NS.test
]

/** Starts dnsmasq on a free port of 127.0.0.1, which it also answers for over TCP; it ends with the test. */
async function server(lines: readonly string[] = ZONE): Promise<string> {
  const file = join(await newFolder(), "dnsmasq.conf")
  const port = await freePort()
  const own = [`port=${port}`, "listen-address=127.0.0.1", "bind-interfaces", "no-resolv", "no-hosts", "log-facility=-"]
  await writeFile(file, `${[...own, ...lines].join("\n")}\n`)
  const child = spawn("dnsmasq", ["--keep-in-foreground", `--conf-file=${file}`, "--pid-file=", "--user="], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  atEnd(async () => {
    if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit")
  })
  let said = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text))
  await expect.poll(() => said, { timeout: 5_000 }).toContain("started")
  return `127.0.0.1:${port}`
}

withServer("each type of record comes as a text that can be compared", async () => {
  const at = await server()
  const found: Record<string, unknown> = {}
  for (const [name, type] of [
    ["shop.test", "A"],
    ["shop.test", "AAAA"],
    ["www.test", "CNAME"],
    ["www.test", "A"],
    ["shop.test", "MX"],
    ["shop.test", "TXT"],
    ["_sip._tcp.shop.test", "SRV"],
    ["shop.test", "CAA"],
    ["shop.test", "NS"],
  ] as const)
    found[`${name} ${type}`] = (await ask(dns.resolves(name, { type, server: at }))).measured?.answers
  expect(found).toEqual({
    "shop.test A": "192.0.2.1",
    "shop.test AAAA": "2001:db8::1",
    "www.test CNAME": "www-target.test",
    "www.test A": "192.0.2.4",
    "shop.test MX": "10 mail.shop.test",
    "shop.test TXT": "v=spf1 mx -allsecond part",
    "_sip._tcp.shop.test SRV": "0 5 5060 sip.shop.test",
    "shop.test CAA": "0 issue ca.example",
    "shop.test NS": "ns.test",
  })
})

withServer("what is expected of the answers, and what is seen instead", async () => {
  const at = await server()
  const many = (expected: object): ReturnType<typeof ask> => ask(dns.resolves("many.test", { ...expected, server: at }))
  expect(await many({ exactly: ["192.0.2.3", "192.0.2.2"], count: 2, maxLatencyMs: 5_000 })).toMatchObject({
    verdict: "yes",
    evidence: expect.stringMatching(/^many\.test A from 127\.0\.0\.1:\d+: "192\.0\.2\.2" "192\.0\.2\.3", in \d+ ms$/),
    measured: { answers: "192.0.2.2, 192.0.2.3", count: 2, latencyMs: expect.any(Number) },
  })
  expect(await many({ answer: "192.0.2.3" })).toMatchObject({ verdict: "yes" })
  expect(await many({ answer: /^198\./ })).toMatchObject({
    verdict: "no",
    evidence: `many.test A from ${at}: of 2 answers none is as expected; the answer is "192.0.2.2", expected to match /^198\\./`,
  })
  expect(await many({ exactly: ["192.0.2.2", "192.0.2.9"] })).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining('missing: "192.0.2.9", not expected: "192.0.2.3"'),
  })
  expect(await many({ count: 1 })).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining('the number of answers is 2, expected 1: "192.0.2.2" "192.0.2.3"'),
  })
})

withServer("no such name, and no such record, is no; or yes, where that is wanted", async () => {
  const at = await server()
  expect(await ask(dns.resolves("gone.test", { server: at }))).toMatchObject({
    verdict: "no",
    evidence: `gone.test A from ${at}: there is no such name (NXDOMAIN)`,
    measured: { count: 0 },
  })
  expect(await ask(dns.resolves("many.test", { type: "AAAA", server: at }))).toMatchObject({
    verdict: "no",
    evidence: `many.test AAAA from ${at}: the name has no such record`,
  })
  expect(await ask(dns.resolves("gone.test", { count: 0, server: at }))).toMatchObject({ verdict: "yes" })
  expect(await ask(dns.resolves("gone.test", { exactly: ["192.0.2.1"], count: 0, server: at }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining('missing: "192.0.2.1"'),
  })
})

withServer("it waits until a name is there: nothing is kept from one question to the next", async () => {
  const hosts = join(await newFolder(), "hosts")
  await writeFile(hosts, "")
  const at = await server(["local=/test/", `hostsdir=${join(hosts, "..")}`])
  const asked = ask(dns.resolves("late.test", { server: at }), { within: "20s", every: "100ms" })
  await new Promise((later) => setTimeout(later, 500))
  await writeFile(hosts, "192.0.2.7 late.test\n")
  const { verdict, attempts, measured } = await asked
  expect({ verdict, answers: measured?.answers }).toEqual({ verdict: "yes", answers: "192.0.2.7" })
  expect(attempts).toBeGreaterThan(1)
})

withServer("a server that refuses has said nothing about the name", async () => {
  const at = await server()
  expect(await ask(dns.resolves("elsewhere.example", { server: at }))).toMatchObject({
    verdict: "inconclusive",
    evidence: `elsewhere.example A from ${at} could not be asked: the server refuses to answer (REFUSED)`,
  })
})

/** A server that answers each question as it is told: the second and third byte of the head say how it went. */
async function answering(code: number | undefined): Promise<string> {
  const socket = createSocket("udp4")
  socket.on("message", (question, from) => {
    if (code === undefined) return
    const answer = Buffer.from(question)
    answer[2] = 0x81
    answer[3] = 0x80 | code
    socket.send(answer, from.port, from.address)
  })
  await new Promise<void>((ready) => socket.bind(0, "127.0.0.1", ready))
  atEnd(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

test("a server that fails, is silent, or is not there has said nothing about the name", async () => {
  expect(await ask(dns.resolves("shop.test", { server: await answering(2) }))).toMatchObject({
    verdict: "inconclusive",
    evidence: expect.stringContaining("the server failed (SERVFAIL)"),
  })
  const silent = await answering(undefined)
  expect(await ask(dns.resolves("shop.test", { server: silent, timeoutMs: 300 }))).toMatchObject({
    verdict: "inconclusive",
    evidence: `no answer within 300 ms (asking for shop.test A from ${silent})`,
  })
  expect(await ask(dns.resolves("shop.test", { server: `127.0.0.1:${await freePort()}` }))).toMatchObject({
    verdict: "inconclusive",
    evidence: expect.stringMatching(/could not be asked: nothing listens there$/),
  })
  expect(await ask(dns.resolves("a..test", { server: silent }), { within: "60s" })).toMatchObject({
    verdict: "inconclusive",
    attempts: 1,
  })
})

test("a cancelled check stops asking at once", async () => {
  const controller = new AbortController()
  const asked = ask(dns.resolves("shop.test", { server: await answering(undefined) }), { signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  const started = performance.now()
  await expect(asked).rejects.toMatchObject({ code: "CANCELLED" })
  expect(performance.now() - started).toBeLessThan(2_000)
})
