import { FettleError } from "../../errors.ts"
import type { Connection, Driver, OpenContext } from "../../provider.ts"
import { openHost } from "../host/driver.ts"
import type { HostClient } from "../host/kind.ts"
import { scopeOf } from "../host/scope.ts"
import { type HostSession, sessionOn } from "../host/session.ts"
import { rememberThroughEngine } from "../host/through-engine.ts"
import { engineOf } from "./client-of.ts"
import { containerCarrier } from "./container-carrier.ts"
import { engine as engineConnection, openEngine } from "./engine.ts"
import type { EngineClient } from "./engine-client.ts"
import type { EngineOptions } from "./engine-options.ts"

/** What `docker://` stands for on a command line: a container that runs on the Engine of this machine. */
const WORD = /^docker:\/\/(?:([^@/]*)@)?([^@/]*)$/
/** As the Engine names containers. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/
/** A user, or a user and a group, by name or number. */
const USER = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63}(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63})?$/

export interface ContainerOptions {
  /** The Engine that it runs on. Default: that of this machine, or as DOCKER_HOST and the docker context say. */
  readonly engine?: Connection<EngineClient>
  /** Who to be in it: a name or a number, with a group after a colon. Default: the container's own user. */
  readonly user?: string
  /** Path or name of the POSIX shell that does the work. Default "sh". */
  readonly shell?: string
  /** Stored in state beside what is made through it. Default: `docker://NAME`. */
  readonly name?: string
  /** Words by which `--limit` chooses it, besides its name. */
  readonly tags?: readonly string[]
}

/**
 * A running container as a host, by the Engine's `exec`. It needs a POSIX `sh` and its tools in it. What is written stands in that one
 * container, and goes with it: its id is pinned, so that another container of the name is refused until it is meant.
 * @param container its name or id
 * @throws FettleError `PROPS_INVALID` for what cannot be a name
 * @example const legacy = host.container("legacy-app")
 * @example const legacy = host.container("legacy-app", { engine: docker.engine({ host: host.ssh("web1") }), user: "root" })
 */
export function container(container: string, options: ContainerOptions = {}): Connection<HostClient> {
  const { engine = engineConnection(), user, shell = "sh", tags = [] } = options
  check(container, options)
  const word = `docker://${user === undefined ? "" : `${user}@`}${container}`
  const target = options.engine === undefined || engine.name === "docker" ? word : `${word} of ${engine.target}`
  const connection: Connection<HostClient> = Object.freeze({
    type: "host",
    name: options.name ?? target,
    target,
    labels: Object.freeze([...tags]),
    secrets: engine.secrets,
    open: async (context: OpenContext): Promise<Driver> => {
      const driver = await engine.open(context)
      try {
        return await openHost(carrierOn(driver, { container, target, user, shell }), context)
      } catch (thrown) {
        await driver.close()
        throw thrown
      }
    },
  })
  rememberThroughEngine(connection, word)
  return connection
}

/**
 * Opens a container to look at it, without a program.
 * @throws FettleError as `openHost`
 */
export async function openContainerSession(
  word: string,
  options: EngineOptions,
  context: OpenContext,
): Promise<HostSession> {
  const { container = "", user } = containerOf(word) ?? {}
  const engine = await openEngine(options, context)
  const { client, close } = engine
  try {
    const parts = { client, container, target: word, shell: "sh", user, scope: scopeOf(), close }
    return await sessionOn(containerCarrier(parts), context)
  } catch (thrown) {
    await close()
    throw thrown
  }
}

/** The container that a word of the command line means; undefined where it means none. @throws FettleError `PROPS_INVALID` */
export function containerOf(word: string): { readonly container: string; readonly user?: string } | undefined {
  if (!word.startsWith("docker://")) return undefined
  const [, user, name = ""] = WORD.exec(word) ?? []
  check(name, user === undefined ? {} : { user })
  return { container: name, ...(user !== undefined && { user }) }
}

function carrierOn(
  driver: Driver,
  parts: { container: string; target: string; user: string | undefined; shell: string },
): ReturnType<typeof containerCarrier> {
  const client = engineOf(driver)
  if (client === undefined)
    throw new FettleError("CONNECTION_WRONG", `${parts.target}: its engine is no connection to a Docker Engine`)
  return containerCarrier({ ...parts, client, scope: scopeOf(), close: () => driver.close() })
}

function check(container: string, { user, shell }: ContainerOptions): void {
  const bad = (what: string, value: unknown): never => {
    throw new FettleError("PROPS_INVALID", `host.container: ${what} cannot be ${JSON.stringify(value)}`, {
      next: "name the container as docker ps does: docker://NAME, or docker://USER@NAME",
    })
  }
  if (typeof container !== "string" || !NAME.test(container)) bad("name", container)
  if (user !== undefined && !USER.test(user)) bad("user", user)
  if (shell !== undefined && !/^[\w/.+-]+$/.test(shell)) bad("shell", shell)
}
