import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { EngineClient } from "../../src/connect/docker/engine-client.ts"
import { exec } from "../../src/connect/docker/exec.ts"
import { local } from "../../src/connect/host/local.ts"
import { ssh } from "../../src/connect/host/ssh.ts"
import { freePort } from "../support/free-port.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { canStartEngines, closeAll, DockerWorld, open, openedSecret, stopEngines } from "./docker-world.ts"

describe.skipIf(!canStartEngines())("a Docker Engine", () => {
  let world: DockerWorld
  let tlsPort: number
  let id: string

  beforeAll(async () => {
    tlsPort = await freePort()
    world = await DockerWorld.start({
      prepare: (at) => makeCertificates(at("tls")),
      args: (at) => [
        ...["-H", `tcp://127.0.0.1:${tlsPort}`, "--tlsverify"],
        ...[
          "--tlscacert",
          at("tls", "ca.pem"),
          "--tlscert",
          at("tls", "server.pem"),
          "--tlskey",
          at("tls", "server-key.pem"),
        ],
      ],
    })
    world.image()
    id = world.docker("info", "-f", "{{.ID}}")
  }, 120_000)

  afterAll(async () => {
    await closeAll()
    await Promise.all([stopEngines(), stopHosts()])
  }, 60_000)

  test("is greeted through its socket, and lists", async () => {
    const { client, identity } = await open({ host: world.host })
    expect(client.engine).toMatchObject({
      id,
      version: expect.stringMatching(/^\d+\.\d+/),
      os: "linux",
      isInSwarm: false,
    })
    expect(client.engine.apiVersion).toMatch(/^1\.4\d$/)
    expect(identity).toBe(id)
    const { json } = await client.json("GET", "/images/json", { query: { filters: { reference: ["base:1"] } } })
    expect(json).toMatchObject([{ RepoTags: ["base:1"] }])
  })

  describe("by TLS", () => {
    test("with a folder of certificates", async () => {
      const { identity, notes } = await open({ host: `tcp://127.0.0.1:${tlsPort}`, tls: world.at("tls") })
      expect(identity).toBe(id)
      expect(notes).toEqual([])
    })

    test("with a key that is a secret", async () => {
      const key = openedSecret("key", readFileSync(world.at("tls", "key.pem"), "utf8"))
      const tls = { ca: world.at("tls", "ca.pem"), cert: world.at("tls", "cert.pem"), key }
      expect((await open({ host: `tcp://127.0.0.1:${tlsPort}`, tls })).identity).toBe(id)
    })

    test.each([
      ["a CA that is not the Engine's", "tls-other", "tls"],
      ["a certificate that the Engine does not know", "tls", "tls-other"],
    ])("not with %s", async (_, ca, cert) => {
      makeCertificates(world.at("tls-other"))
      const tls = { ca: world.at(ca, "ca.pem"), cert: world.at(cert, "cert.pem"), key: world.at(cert, "key.pem") }
      await expect(open({ host: `tcp://127.0.0.1:${tlsPort}`, tls })).rejects.toMatchObject({
        code: "CONNECTION_FAILED",
        next: expect.stringContaining("tls"),
        details: { notMade: true },
      })
    })

    test("not without TLS where the Engine wants it, and that it is missing is told", async () => {
      await expect(open({ host: `tcp://127.0.0.1:${tlsPort}` })).rejects.toMatchObject({ code: "DOCKER_FAILED" })
    })
  })

  describe("what goes wrong", () => {
    test("is told in the Engine's words, and as not made", async () => {
      const { client } = await open({ host: world.host })
      const body = { Image: "nowhere:1" }
      await expect(client.json("POST", "/containers/create", { body })).rejects.toMatchObject({
        code: "DOCKER_FAILED",
        fact: `${world.host}: POST /containers/create: No such image: nowhere:1`,
        details: { status: 404, notMade: true, method: "POST", path: "/containers/create" },
      })
    })

    test("nobody listens: not made, and what to do", async () => {
      await expect(open({ host: `unix://${world.at("none.sock")}` })).rejects.toMatchObject({
        code: "CONNECTION_FAILED",
        next: expect.stringContaining("systemctl status docker"),
        details: { notMade: true, unreachable: true },
      })
    })

    test("a call that takes too long, and one that is cancelled", async () => {
      const { client } = await open({ host: world.host })
      const call = { timeoutMs: 100 }
      const stalled = world.docker("run", "-d", "base:1", "sleep", "600")
      await expect(client.json("POST", `/containers/${stalled}/wait`, call)).rejects.toMatchObject({
        code: "TIMEOUT",
        details: { timeoutMs: 100, notMade: false },
      })
      const cancel = new AbortController()
      const waiting = client.json("POST", `/containers/${stalled}/wait`, { signal: cancel.signal })
      setTimeout(() => cancel.abort(), 50)
      await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" })
      const ending = new AbortController()
      const { body } = await client.stream("GET", "/events", { signal: ending.signal, timeoutMs: 100 })
      setTimeout(() => ending.abort(), 200)
      await expect(body.toArray()).rejects.toMatchObject({ code: "CANCELLED" })
    })
  })

  describe("where the docker command would find it", () => {
    test.each<[string, () => Record<string, string>]>([
      ["DOCKER_HOST", () => ({ DOCKER_HOST: world.host })],
      [
        "DOCKER_HOST with TLS",
        () => ({
          DOCKER_HOST: `tcp://127.0.0.1:${tlsPort}`,
          DOCKER_TLS_VERIFY: "1",
          DOCKER_CERT_PATH: world.at("tls"),
        }),
      ],
      ["DOCKER_CONTEXT", () => ({ DOCKER_CONTEXT: "shop", DOCKER_CONFIG: dockerFolder() })],
      ["the current context", () => ({ DOCKER_CONFIG: dockerFolder("shop-tls") })],
      ["DOCKER_HOST before a context", () => ({ DOCKER_HOST: world.host, DOCKER_CONTEXT: "none" })],
    ])("%s", async (_, env) => {
      expect((await open({}, env())).identity).toBe(id)
    })

    test("a context by its name", async () => {
      expect((await open({ context: "shop-tls", configFolder: dockerFolder() })).identity).toBe(id)
      await expect(open({ context: "none", configFolder: dockerFolder() })).rejects.toMatchObject({
        code: "DOCKER_CONFIG",
        fact: expect.stringContaining('"none"'),
      })
    })

    /** What `docker context create` writes. */
    function dockerFolder(currentContext?: string): string {
      const folder = world.at("docker-config")
      const write = (path: string, text: string): void => {
        mkdirSync(dirname(`${folder}/${path}`), { recursive: true })
        writeFileSync(`${folder}/${path}`, text)
      }
      for (const [name, host] of Object.entries({ shop: world.host, "shop-tls": `tcp://127.0.0.1:${tlsPort}` })) {
        const hash = createHash("sha256").update(name).digest("hex")
        const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } }
        write(`contexts/meta/${hash}/meta.json`, JSON.stringify(meta))
        if (name === "shop-tls")
          for (const file of ["ca.pem", "cert.pem", "key.pem"])
            write(`contexts/tls/${hash}/docker/${file}`, readFileSync(world.at("tls", file), "utf8"))
      }
      write("config.json", JSON.stringify(currentContext === undefined ? {} : { currentContext }))
      return folder
    }
  })

  test("of this machine as a host", async () => {
    expect((await open({ host: local(), socket: world.socket })).identity).toBe(id)
  })

  describe.skipIf(!canStartHosts())("over ssh", () => {
    test("by a forwarded socket: one login, whatever is called", async () => {
      const host = await SshHost.start("docker-1")
      const web = ssh("docker-1", { config: host.config })
      const { client, identity } = await open({ host: web, socket: world.socket })
      expect(identity).toBe(id)
      await Promise.all(Array.from({ length: 20 }, () => client.json("GET", "/containers/json")))
      expect(host.log.match(/Accepted publickey/g)).toHaveLength(1)
    })

    test("by an address, with the path of the socket", async () => {
      const host = await SshHost.start("docker-2")
      const opened = await open({ host: `ssh://docker-2${world.socket}`, ssh: { config: host.config } })
      expect(opened.identity).toBe(id)
    })

    test("by the docker command there, where sshd forwards no sockets", async () => {
      const host = await SshHost.start("docker-3", { sshd: ["AllowStreamLocalForwarding no"] })
      const { client, identity } = await open({ host: ssh("docker-3", { config: host.config }), socket: world.socket })
      expect(identity).toBe(id)
      expect(await echoed(client)).toBe("over there\n")
    })

    test("by sudo with a password", async () => {
      const host = await SshHost.start("docker-4", {
        users: [{ name: "op", password: "rather secret" }],
        sudoers: ["op ALL=(ALL) ALL"],
      })
      const become = { by: "sudo", password: openedSecret("sudo", "rather secret") } as const
      const web = ssh("docker-4", { config: host.config, user: "op", become })
      expect((await open({ host: web, socket: world.socket })).identity).toBe(id)
    })

    test("where no Engine listens there, that is told", async () => {
      const host = await SshHost.start("docker-5")
      const web = ssh("docker-5", { config: host.config })
      await expect(open({ host: web, socket: "/run/no-engine.sock" })).rejects.toMatchObject({
        code: "CONNECTION_FAILED",
        fact: expect.stringContaining("/run/no-engine.sock"),
        next: expect.stringContaining("group docker"),
      })
    })
  })
})

/** What comes back of what is sent through a hijacked connection. */
async function echoed(client: EngineClient): Promise<string> {
  const container = await client.json("POST", "/containers/create", {
    body: { Image: "base:1", Cmd: ["sleep", "600"] },
  })
  const { Id } = Object(container.json)
  await client.json("POST", `/containers/${Id}/start`)
  const { stdout } = await exec(client, Id, ["cat"], { input: "over there\n" })
  return Buffer.from(stdout).toString()
}

/** A CA with a certificate for the Engine and one for its client. */
function makeCertificates(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const openssl = (...words: readonly string[]): void => {
    execFileSync("openssl", words, { cwd: folder, stdio: "ignore" })
  }
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  openssl("req", "-x509", ...key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "3", "-subj", "/CN=test CA")
  const parts = [
    ["server", "server.pem", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"],
    ["client", "cert.pem", "extendedKeyUsage=clientAuth"],
  ] as const
  for (const [name, certificate, extensions] of parts) {
    const keyFile = name === "client" ? "key.pem" : "server-key.pem"
    writeFileSync(`${folder}/${name}.ext`, extensions)
    openssl("req", ...key, "-keyout", keyFile, "-out", `${name}.csr`, "-subj", `/CN=${name}`)
    const ca = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "3"]
    openssl("x509", "-req", "-in", `${name}.csr`, ...ca, "-extfile", `${name}.ext`, "-out", certificate)
  }
}
