import { FettleError } from "../../errors.ts"
import type { OpenContext } from "../../provider.ts"
import { sshSays } from "../host/ssh-says.ts"
import type { DockerConfig, DockerFolder } from "./docker-folder.ts"
import type { GivenLogins } from "./given-logins.ts"
import { HUB, hostOfKey, registryOf } from "./image-registry.ts"
import type { RegistryLogin, RegistryLogins } from "./registry-logins.ts"

/** A helper may ask a person to unlock a keychain. */
const HELPER_MS = 60_000
/** The user name by which a helper says that what it gives is a token. */
const TOKEN_USER = "<token>"

export interface ConfigLoginsParts {
  readonly folder: DockerFolder
  readonly given: GivenLogins
  readonly reveal: OpenContext["reveal"]
}

/** Credentials from the program, then from config.json: a helper of the registry, the store of all, what stands there. */
export class ConfigLogins implements RegistryLogins {
  readonly #parts: ConfigLoginsParts
  readonly #known = new Map<string, Promise<RegistryLogin | undefined>>()
  readonly #secrets = new Set<string>()

  constructor(parts: ConfigLoginsParts) {
    this.#parts = parts
  }

  async headerFor(image: string): Promise<string | undefined> {
    const registry = registryOf(image)
    const login = await this.loginTo(registry)
    return login === undefined ? undefined : headerOf({ ...wired(login), serveraddress: registry })
  }

  async buildHeader(): Promise<string | undefined> {
    const config = this.#parts.folder.config()
    const named = [this.#parts.given, config.auths, config.credHelpers].flatMap((each) => Object.keys(each))
    const registries = [...new Set(named.map(hostOfKey))]
    const all = await Promise.all(
      registries.map(async (registry) => {
        const login = await this.loginTo(registry)
        return login === undefined ? [] : [[registry, wired(login)] as const]
      }),
    )
    const found = all.flat()
    return found.length === 0 ? undefined : headerOf(Object.fromEntries(found))
  }

  loginTo(registry: string): Promise<RegistryLogin | undefined> {
    const host = hostOfKey(registry)
    const known = this.#known.get(host)
    if (known !== undefined) return known
    const finding = this.#find(host)
    this.#known.set(host, finding)
    finding.catch(() => this.#known.delete(host)) // a keychain may be unlocked by the next time
    return finding
  }

  /** Text without the passwords that were read. */
  hide(text: string): string {
    let clean = text
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, "[registry password]")
    return clean
  }

  async #find(host: string): Promise<RegistryLogin | undefined> {
    const login = this.#given(host) ?? (await this.#configured(host))
    if (login !== undefined) this.#remember("password" in login ? login.password : login.identityToken)
    return login
  }

  #remember(secret: string): void {
    if (secret === "") return
    for (const form of [secret, Buffer.from(secret).toString("base64"), JSON.stringify(secret).slice(1, -1)])
      this.#secrets.add(form)
  }

  #given(host: string): RegistryLogin | undefined {
    const { given, reveal } = this.#parts
    const login = Object.entries(given).find(([key]) => hostOfKey(key) === host)?.[1]
    if (login === undefined) return undefined
    if ("identityToken" in login) return { identityToken: reveal(login.identityToken) }
    return { username: login.username, password: reveal(login.password) }
  }

  async #configured(host: string): Promise<RegistryLogin | undefined> {
    const config = this.#parts.folder.config()
    const helper = Object.entries(config.credHelpers).find(([key]) => hostOfKey(key) === host)?.[1] ?? config.credsStore
    if (typeof helper === "string" && helper !== "") {
      const login = await fromHelper(helper, keyOf(config, host))
      if (login !== undefined) return login
    }
    const stored = Object.entries(config.auths).find(([key]) => hostOfKey(key) === host)?.[1]
    return stored === undefined ? undefined : fromAuth(stored, host)
  }
}

/** The key under which a store of all keeps a registry: as config.json has it. */
function keyOf({ auths }: DockerConfig, host: string): string {
  return Object.keys(auths).find((key) => hostOfKey(key) === host) ?? host
}

/** @throws FettleError `DOCKER_CREDENTIALS` where the helper fails other than by not knowing the registry */
async function fromHelper(helper: string, server: string): Promise<RegistryLogin | undefined> {
  const refuse = (fact: string, cause?: string): never => {
    throw new FettleError("DOCKER_CREDENTIALS", `docker-credential-${helper.slice(0, 60)}: ${fact}`, { cause })
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper)) refuse("config.json names a helper that cannot be a program")
  const { ok, how, out, err } = await sshSays([`docker-credential-${helper}`, "get"], HELPER_MS, server)
  if (!ok && /credentials not found/i.test(out)) return undefined
  // What it prints may be the password, so its own words are told only where they are an error.
  if (!ok) refuse(`it ended with ${how} for ${server}`, (err.trim() || out.trim()).slice(0, 600) || undefined)
  const { Username, Secret: password } = parsed(out)
  if (typeof Username !== "string" || typeof password !== "string")
    return refuse(`what it printed for ${server} is no answer`)
  return Username === TOKEN_USER ? { identityToken: password } : { username: Username, password }
}

function fromAuth(stored: unknown, host: string): RegistryLogin | undefined {
  const { auth, username, password, identitytoken } = Object(stored) as Readonly<Record<string, unknown>>
  if (typeof identitytoken === "string" && identitytoken !== "") return { identityToken: identitytoken }
  if (typeof auth === "string" && auth !== "") {
    const plain = Buffer.from(auth, "base64").toString("utf8")
    const at = plain.indexOf(":")
    if (at < 1)
      throw new FettleError("DOCKER_CREDENTIALS", `config.json: what stands for ${host} is not user and password`, {
        next: `docker login ${host === HUB ? "" : host}`.trim(),
      })
    return { username: plain.slice(0, at), password: plain.slice(at + 1).replace(/\0+$/, "") }
  }
  if (typeof username === "string" && typeof password === "string" && username !== "") return { username, password }
  return undefined
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

/** As the Engine's API names them. */
function wired(login: RegistryLogin): Readonly<Record<string, string>> {
  if ("identityToken" in login) return { identitytoken: login.identityToken }
  return { username: login.username, password: login.password }
}

/** The alphabet for URLs, padded: what the Engine's own decoder takes. */
function headerOf(value: object): string {
  const text = Buffer.from(JSON.stringify(value)).toString("base64")
  return text.replaceAll("+", "-").replaceAll("/", "_")
}
