import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { EngineOptions } from "../../src/connect/docker/engine-options.ts"
import { jsonLines } from "../../src/connect/docker/json-lines.ts"
import { canStartRegistries, DockerRegistry, stopRegistries } from "./docker-registry.ts"
import { canStartEngines, closeAll, DockerWorld, open, openedSecret, stopEngines } from "./docker-world.ts"

const login = { username: "shop", password: "rather: secret é" }

describe.skipIf(!canStartEngines() || !canStartRegistries())("credentials of registries", () => {
  let world: DockerWorld
  let registry: DockerRegistry

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
    registry = await DockerRegistry.start({ login })
  }, 120_000)

  afterAll(async () => {
    await closeAll()
    await Promise.all([stopEngines(), stopRegistries()])
  }, 60_000)

  /** What a push and a pull say at their end: "" where they went well. */
  async function pushAndPull(of: DockerRegistry, options: EngineOptions): Promise<readonly string[]> {
    const { client } = await open({ host: world.host, ...options })
    world.docker("tag", "base:1", `${of.host}/shop/web:1`)
    const image = `${of.host}/shop/web`
    const header = (await client.logins.headerFor(`${image}:1`)) ?? "e30="
    const headers = { "x-registry-auth": header }
    const last = async (path: string, query: object): Promise<string> => {
      const { body } = await client.stream("POST", path, { query: { ...query }, headers })
      let error = ""
      for await (const value of jsonLines(body)) error = String(Object(value).error ?? error)
      return error
    }
    const pushed = await last(`/images/${image}/push`, { tag: "1" })
    world.docker("rmi", `${image}:1`)
    const pulled = await last("/images/create", { fromImage: image, tag: "1" }).catch((error) => error.fact)
    return [pushed, pulled]
  }

  function configFolder(name: string, config: object): string {
    const folder = world.at(name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/config.json`, JSON.stringify(config))
    return folder
  }

  test("none: the registry refuses", async () => {
    expect((await pushAndPull(registry, {}))[0]).toMatch(/no basic auth|authentication required/)
  })

  test("from the program", async () => {
    const password = openedSecret("registry", login.password)
    const registries = { [registry.host]: { username: login.username, password } }
    expect(await pushAndPull(registry, { registries })).toEqual(["", ""])
    const { client } = await open({ host: world.host, registries })
    expect(client.hide(`it said ${login.password}!`)).toBe(`it said ${login.password}!`) // not asked for yet
    await client.logins.headerFor(`${registry.host}/x`)
    expect(client.hide(`it said ${login.password}!`)).toBe("it said [registry password]!")
  })

  test("from config.json, as docker login writes it", async () => {
    const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64")
    const folder = configFolder("auths", { auths: { [`https://${registry.host}/v2/`]: { auth } } })
    expect(await pushAndPull(registry, { configFolder: folder })).toEqual(["", ""])
    const { client } = await open({ host: world.host, configFolder: folder })
    const all = JSON.parse(Buffer.from((await client.logins.buildHeader()) ?? "", "base64url").toString())
    expect(all).toEqual({ [registry.host]: login })
  })

  describe("from a helper", () => {
    const before = process.env.PATH
    beforeAll(() => {
      const folder = world.at("bin")
      mkdirSync(folder)
      const answer = (text: string): string =>
        `read -r server; [ "$1" = get ] && [ "$server" = ${registry.host} ] && ${text}`
      const scripts = {
        good: answer(
          `printf '%s' '${JSON.stringify({ ServerURL: registry.host, Username: login.username, Secret: login.password })}'`,
        ),
        token: answer(`printf '%s' '{"Username":"<token>","Secret":"a-long-token"}'`),
        without: "echo credentials not found in native keychain; exit 1",
        locked: "echo the keychain is locked >&2; exit 1",
        broken: "echo ???",
      }
      for (const [name, script] of Object.entries(scripts)) {
        writeFileSync(`${folder}/docker-credential-${name}`, `#!/bin/sh\n${script}\n`)
        chmodSync(`${folder}/docker-credential-${name}`, 0o755)
      }
      process.env.PATH = `${folder}:${before}`
    })
    afterAll(() => {
      process.env.PATH = before
    })

    const openWith = (name: string, config: object) =>
      open({ host: world.host, configFolder: configFolder(name, config) })

    test("of the registry, before the store of all", async () => {
      const config = { credHelpers: { [registry.host]: "good" }, credsStore: "locked" }
      expect(await pushAndPull(registry, { configFolder: configFolder("helpers", config) })).toEqual(["", ""])
    })

    test("a token", async () => {
      const { client } = await openWith("token", { credsStore: "token" })
      expect(await client.logins.loginTo(registry.host)).toEqual({ identityToken: "a-long-token" })
    })

    test("that knows nothing: what stands in the file", async () => {
      const auths = { [registry.host]: { username: "a", password: "b" } }
      const { client } = await openWith("without", { credsStore: "without", auths })
      expect(await client.logins.loginTo(registry.host)).toEqual({ username: "a", password: "b" })
      expect(await client.logins.loginTo("other.test")).toBeUndefined()
    })

    test.each([
      ["locked", "the keychain is locked"],
      ["broken", "is no answer"],
      ["missing", "docker-credential-missing"],
      ["../../bin/sh", "cannot be a program"],
    ])("that is %s", async (helper, words) => {
      const { client } = await openWith("bad", { credsStore: helper })
      const error = await client.logins.headerFor(`${registry.host}/web`).catch((thrown) => thrown)
      expect(error).toMatchObject({ code: "DOCKER_CREDENTIALS" })
      expect(JSON.stringify(error)).toContain(words)
    })
  })

  test("a config.json that is none is an error without its text", async () => {
    const folder = configFolder("none", {})
    writeFileSync(`${folder}/config.json`, '{"auths": the-password}')
    const { client } = await open({ host: world.host, configFolder: folder })
    const error = await client.logins.headerFor("registry.test/web").catch((thrown) => thrown)
    expect(error).toMatchObject({ code: "DOCKER_CONFIG" })
    expect(JSON.stringify(error)).not.toContain("the-password")
  })

  test("a registry with TLS from a CA of its own", async () => {
    const secure = await DockerRegistry.start({ login, tls: true, address: `${world.subnet}.1` })
    const password = openedSecret("registry", login.password)
    const registries = { [secure.host]: { username: login.username, password } }
    expect(await pushAndPull(secure, { registries })).toEqual(["", ""])
  })
})
