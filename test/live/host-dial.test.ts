import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { appendFileSync, existsSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { DialTo } from "../../src/connect/dial.ts"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import type { HostClient } from "../../src/connect/host/kind.ts"
import type { SshOptions } from "../../src/connect/host/ssh-line.ts"
import * as host from "../../src/host.ts"
import type { Connection, OpenContext } from "../../src/provider.ts"
import { freePort } from "../support/free-port.ts"
import { OwnNetwork } from "../support/own-network.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { newFolder } from "./verify-support.ts"

const signal = new AbortController().signal
const context: OpenContext = { signal, log: () => {}, reveal: () => undefined as never } as unknown as OpenContext
const open: { close(): Promise<void> }[] = []

async function clientOf(connection: Connection<HostClient>): Promise<HostClient> {
  const driver = (await connection.open(context)) as Awaited<ReturnType<typeof openHost>>
  open.push(driver)
  return driver.client
}

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** Sends much, hears it back in capitals to the last byte, and ends. */
async function talk(stream: Duplex): Promise<void> {
  const text = `${"a".repeat(300_000)}.`
  let heard = ""
  stream.setEncoding("utf8").on("data", (piece: string) => {
    heard += piece
  })
  stream.on("error", () => {})
  stream.write(text)
  while (!heard.endsWith(".")) await once(stream, "data")
  expect(heard).toBe(text.toUpperCase())
  stream.end()
  await once(stream, "close")
}

const ECHO = `const s = require("node:net").createServer((c) => c.on("error", () => {}).on("data", (b) => c.write(String(b).toUpperCase())))
s.listen(JSON.parse(process.argv[1]), () => console.log("listens"))`

async function echoAt(to: DialTo, enter: readonly string[] = []): Promise<ChildProcess> {
  const [file = "", ...words] = [...enter, process.execPath, "-e", ECHO, JSON.stringify(to)]
  const child = spawn(file, words, { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout as NodeJS.ReadableStream, "data")
  return child
}

test("this machine is dialled directly; nobody there, no such name and an abort are told", async () => {
  const here = await clientOf(host.local())
  const server = createServer((socket) => socket.on("data", (bytes) => socket.write(String(bytes).toUpperCase())))
  const path = join(await newFolder(), "s")
  await new Promise<void>((ready) => server.listen(path, ready))
  await talk(await here.dial({ path }, signal))
  server.close()
  const port = await freePort()
  await expect(here.dial({ host: "127.0.0.1", port }, signal)).rejects.toMatchObject({
    code: "DIAL_FAILED",
    fact: `this machine cannot connect to 127.0.0.1:${port}: the connection is refused`,
  })
  await expect(here.dial({ path: `${path}.gone` }, signal)).rejects.toMatchObject({ code: "DIAL_FAILED" })
  await expect(here.dial({ host: "-oProxyCommand=x", port }, signal)).rejects.toMatchObject({ code: "PROPS_INVALID" })
  await expect(here.dial({ path }, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough")
})

test("a carrier without a way of its own is dialled by a program there", async () => {
  const path = join(await newFolder(), "s")
  const child = await echoAt({ path })
  for (const without of ["no-such-program", "python3"]) {
    const prefix = ["env", `PATH=${await pathWithout(without)}`]
    const client = (await openHost(localCarrier({ scope: "dia1", prefix }), context)).client
    open.push(client as unknown as { close(): Promise<void> })
    await talk(await client.dial({ path }, signal))
    await expect(client.dial({ path: `${path}.gone` }, signal)).rejects.toMatchObject({
      code: "DIAL_FAILED",
      fact: expect.stringContaining("there is no such socket"),
    })
  }
  child.kill()
})

/** A PATH with links to everything that is needed, but one. */
async function pathWithout(name: string): Promise<string> {
  const folder = await newFolder()
  const links = `ln -s /usr/bin/* "$0"; rm -f "$0"/${name}*`
  const child = spawn("sh", ["-c", links, folder], { stdio: "ignore" })
  await once(child, "exit")
  return folder
}

describe.skipIf(!canStartHosts())("a host behind ssh", () => {
  let web: SshHost
  let network: OwnNetwork
  const users = [{ name: "deploy", password: "right-password" }]
  beforeAll(async () => {
    network = await OwnNetwork.start()
    web = await SshHost.start("web1", {
      users,
      sudoers: ["deploy ALL=(ALL) ALL"],
      setup: ["mount -t tmpfs -o mode=755 tmpfs /mnt"],
    })
  }, 60_000)
  afterAll(async () => {
    await stopHosts()
    network.stop()
  })

  const reached = (options: SshOptions = {}): Promise<HostClient> =>
    clientOf(host.ssh("web1", { config: network.configOf(web), user: "deploy", ...options }))

  test("a port that listens only in the host's own network is reached from there, and from nowhere else", async () => {
    const to = { host: "127.0.0.1", port: 7432 }
    const child = await echoAt(to, network.enter)
    const client = await reached()
    await talk(await client.dial(to, signal))
    await expect((await clientOf(host.local())).dial(to, signal)).rejects.toMatchObject({ code: "DIAL_FAILED" })
    child.kill()
    await expect(client.dial({ ...to, port: 7433 }, signal)).rejects.toMatchObject({
      code: "DIAL_FAILED",
      fact: "web1 cannot connect to 127.0.0.1:7433: the connection is refused",
    })
    await expect(client.dial({ host: "no-such-host.invalid", port: 1 }, signal)).rejects.toMatchObject({
      fact: expect.stringContaining("there is no host of that name"),
    })
  })

  test("a socket in a file system of the host's own, as who logs in and as who it becomes", async () => {
    const path = "/mnt/s"
    const child = await echoAt({ path }, ["nsenter", "-t", String(web.pid), "-m", "--"])
    await expect((await reached()).dial({ path }, signal)).rejects.toMatchObject({
      code: "DIAL_FAILED",
      fact: "web1 cannot connect to /mnt/s: permission is denied",
    })
    const connection = host.ssh("web1", {
      config: network.configOf(web),
      user: "deploy",
      become: { by: "sudo", password: "p" as never },
    })
    const root = await connection.open({ ...context, reveal: () => "right-password" } as unknown as OpenContext)
    open.push(root)
    await talk(await (root as Awaited<ReturnType<typeof openHost>>).client.dial({ path }, signal))
    child.kill()
  })

  test("where sshd forwards nothing, a program there connects", async () => {
    const strict = await SshHost.start("web2", { sshd: ["AllowTcpForwarding no"] })
    const client = await clientOf(host.ssh("web2", { config: strict.config }))
    const server = createServer((socket) => socket.on("data", (bytes) => socket.write(String(bytes).toUpperCase())))
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
    await talk(await client.dial({ host: "127.0.0.1", port: (server.address() as { port: number }).port }, signal))
    server.close()
  })

  test("over a connection that the operator has open already", async () => {
    const shared = await SshHost.start("shared")
    appendFileSync(shared.config, `  ControlPath ${shared.at("master")}\n`)
    const master = spawn("ssh", ["-F", shared.config, "-M", "-N", "shared"], { stdio: "ignore" })
    await expect.poll(() => existsSync(shared.at("master"))).toBe(true)
    const client = await clientOf(host.ssh("shared", { config: shared.config }))
    const server = createServer((socket) => socket.on("data", (bytes) => socket.write(String(bytes).toUpperCase())))
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
    await talk(await client.dial({ host: "127.0.0.1", port: (server.address() as { port: number }).port }, signal))
    expect(shared.log.match(/Accepted publickey/g)).toHaveLength(1)
    server.close()
    await expect(client.dial({ host: "127.0.0.1", port: await freePort() }, signal)).rejects.toMatchObject({
      code: "DIAL_FAILED",
    })
    master.kill()
  })

  test("a host that is not reached any more is told as that, and an abort ends at once", async () => {
    const gone = await SshHost.start("web3")
    const client = await clientOf(host.ssh("web3", { config: gone.config }))
    await expect(client.dial({ host: "127.0.0.1", port: 1 }, AbortSignal.abort(new Error("enough")))).rejects.toThrow(
      "enough",
    )
    await gone.stop()
    await expect(client.dial({ host: "127.0.0.1", port: 1 }, signal)).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
    })
  })
})
