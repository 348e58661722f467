import { homedir } from "node:os"
import { join } from "node:path"
import { FettleError } from "../../errors.ts"
import type { Connection, Driver, OpenContext } from "../../provider.ts"
import type { Secret } from "../../secrets/secret.ts"
import { plainDriver } from "../plain-driver.ts"
import { addressOf } from "./address.ts"
import { rememberClient } from "./client-of.ts"
import { ConfigLogins } from "./config-logins.ts"
import { DockerFolder } from "./docker-folder.ts"
import type { EngineClient } from "./engine-client.ts"
import type { EngineOptions } from "./engine-options.ts"
import { type GivenLogins, secretsOfLogins } from "./given-logins.ts"
import { HttpEngine } from "./http-engine.ts"
import { openWay } from "./open-way.ts"
import { type Place, placeOf } from "./place.ts"
import { secretsOfTls } from "./tls.ts"

/** Changes under way at once: enough to hide what one waits for, few enough for one daemon. */
const CONCURRENT = 16

/**
 * A connection to a Docker Engine. The Engine's own id is pinned: another one at the same address is refused.
 * @throws FettleError `PROPS_INVALID` for an address that is none
 * @example const engine = docker.engine()
 * @example const engine = docker.engine({ host: host.ssh("web1") })
 */
export function engine(given: EngineOptions = {}): Connection<EngineClient> {
  const { options, target } = checked(given)
  const { tags = [] } = options
  return Object.freeze({
    type: "docker",
    name: options.name ?? (target === DEFAULT_TARGET ? "docker" : target),
    target,
    labels: Object.freeze([...tags]),
    secrets: Object.freeze([
      ...secretsOfTls(options.tls),
      ...secretsOfLogins(options.registries),
      ...hostSecrets(options),
    ]),
    open: (context: OpenContext) => open(options, target, context),
  })
}

/** An Engine that is open, for what looks at it without a program. */
export interface OpenEngine {
  readonly client: EngineClient
  /** What people call it. */
  readonly target: string
  close(): Promise<void>
}

/** Opens an Engine by itself, as a run opens that of `engine(…)`. @throws FettleError */
export async function openEngine(given: EngineOptions, context: OpenContext): Promise<OpenEngine> {
  const { options, target } = checked(given)
  return { ...(await opened(options, target, context)), target }
}

type Checked = EngineOptions & { readonly registries: GivenLogins }

function checked(given: EngineOptions): { readonly options: Checked; readonly target: string } {
  const { tls, registries = {} } = given
  const options = { ...given, registries: { ...registries }, ...(typeof tls === "object" && { tls: { ...tls } }) }
  checkOptions(options)
  return { options, target: targetOf(options) }
}

const DEFAULT_TARGET = "the Docker Engine"

async function open(options: Checked, target: string, context: OpenContext): Promise<Driver> {
  const { client, close } = await opened(options, target, context)
  const { concurrent: concurrency = CONCURRENT } = options
  return rememberClient(plainDriver<EngineClient>(client, { identity: client.engine.id, concurrency, close }), client)
}

async function opened(options: Checked, target: string, context: OpenContext): Promise<Omit<OpenEngine, "target">> {
  const env = (name: string): string | undefined => context.env?.(name) || undefined
  const folder = new DockerFolder(options.configFolder ?? env("DOCKER_CONFIG") ?? join(homedir(), ".docker"))
  const place: Place = placeOf(options, { env, folder, reveal: context.reveal })
  const way = await openWay(place, context)
  const hide = (text: string): string => context.hide?.(text) ?? text
  const logins = new ConfigLogins({ folder, given: options.registries, reveal: context.reveal })
  try {
    const client = await HttpEngine.open(
      { to: way.to, target: way.target ?? target, logins, hide: (text) => logins.hide(hide(text)) },
      context.signal,
    )
    const close = async (): Promise<void> => {
      client.close()
      await way.close()
    }
    return { client, close }
  } catch (thrown) {
    const told = await way.failure?.(thrown)
    await way.close()
    throw told ?? thrown
  }
}

function targetOf({ host, context }: EngineOptions): string {
  if (typeof host === "string") return host
  if (host !== undefined) return `the Docker Engine of ${host.target}`
  return context === undefined ? DEFAULT_TARGET : `docker context ${context}`
}

function checkOptions(options: EngineOptions): void {
  const { host, context, tls, concurrent, socket } = options
  const refuse = (fact: string): never => {
    throw new FettleError("PROPS_INVALID", `docker.engine: ${fact}`, { next: "correct the options of docker.engine" })
  }
  if (host !== undefined && context !== undefined) refuse("give it a host or a context, not both")
  if (typeof host === "string") {
    const { at } = addressOf(host, "host")
    if (tls !== undefined && at !== "tcp") refuse("tls is for tcp:// alone")
  } else if (tls !== undefined) refuse("tls needs a host, as in tcp://engine.test:2376")
  if (socket !== undefined && !/^\/[^:\0]*$/.test(socket))
    refuse("socket is the whole path of a socket, without a colon")
  if (concurrent !== undefined && !(Number.isInteger(concurrent) && concurrent > 0))
    refuse("concurrent is a number from 1")
}

/** The password for sudo on the way there. */
function hostSecrets({ host }: EngineOptions): readonly Secret<unknown>[] {
  return typeof host === "object" ? host.secrets : []
}
