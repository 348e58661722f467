import type { OpenContext } from "../../provider.ts"
import { type SshReach, sshReachOf } from "../host/ssh.ts"
import { refuseContainer } from "../host/through-engine.ts"
import { addressOf } from "./address.ts"
import type { DockerFolder } from "./docker-folder.ts"
import type { EngineOptions } from "./engine-options.ts"
import type { TlsMaterial } from "./exchange.ts"
import { tlsMaterial } from "./tls.ts"

/** Where the Engine listens on a machine that does not say. */
const SOCKET = "/var/run/docker.sock"
const TLS_PORT = 2376
const PLAIN_PORT = 2375

/** Where an Engine is, with all that is needed to go there. */
export type Place =
  | { readonly at: "unix"; readonly path: string }
  | { readonly at: "tcp"; readonly host: string; readonly port: number; readonly tls?: TlsMaterial }
  | { readonly at: "ssh"; readonly reach: SshReach; readonly path: string }

export interface PlaceAround {
  readonly env: (name: string) => string | undefined
  readonly folder: DockerFolder
  readonly reveal: OpenContext["reveal"]
}

/** Finds the Engine that the options mean; what they leave open is as for the docker command. @throws FettleError */
export function placeOf(options: EngineOptions, around: PlaceAround): Place {
  const { host, context } = options
  if (typeof host === "object") return placeOfHost(host, options)
  if (host !== undefined) return placeOfText(host, "host", options, around, options.tls)
  if (context !== undefined) return placeOfContext(context, options, around)
  const { env, folder } = around
  const named = env("DOCKER_HOST")
  if (named !== undefined) return placeOfText(named, "DOCKER_HOST", options, around, tlsOfEnvironment(around))
  return placeOfContext(env("DOCKER_CONTEXT") ?? folder.config().currentContext ?? "default", options, around)
}

function placeOfHost(host: Exclude<EngineOptions["host"], string | undefined>, options: EngineOptions): Place {
  refuseContainer(host, "a Docker Engine")
  const reach = sshReachOf(host)
  const path = options.socket ?? SOCKET
  return reach === undefined ? { at: "unix", path } : { at: "ssh", reach, path }
}

function placeOfText(
  text: string,
  from: string,
  options: EngineOptions,
  around: PlaceAround,
  tls: EngineOptions["tls"],
): Place {
  const address = addressOf(text, from)
  if (address.at === "unix") return address
  if (address.at === "tcp") {
    const material = tls === undefined ? undefined : tlsMaterial(tls, around.reveal)
    return { at: "tcp", host: address.host, ...withTls(address.port, material) }
  }
  const reach = { destination: address.destination, target: text, options: options.ssh ?? {}, become: undefined }
  return { at: "ssh", reach, path: address.path ?? options.socket ?? SOCKET }
}

function withTls(port: number | undefined, tls: TlsMaterial | undefined): { port: number; tls?: TlsMaterial } {
  return tls === undefined ? { port: port ?? PLAIN_PORT } : { port: port ?? TLS_PORT, tls }
}

/** As the docker command reads them. */
function tlsOfEnvironment({ env, folder }: PlaceAround): EngineOptions["tls"] {
  return env("DOCKER_TLS_VERIFY") === undefined ? undefined : (env("DOCKER_CERT_PATH") ?? folder.path)
}

function placeOfContext(name: string, options: EngineOptions, around: PlaceAround): Place {
  if (name === "default") return { at: "unix", path: SOCKET }
  const { host, tls, skipTlsVerify } = around.folder.context(name)
  const place = placeOfText(host, `the context ${name}`, options, around, undefined)
  const hasTls = tls.ca !== undefined || tls.cert !== undefined || skipTlsVerify
  if (place.at !== "tcp" || !hasTls) return place
  const material = { ...tls, ...(skipTlsVerify && { rejectUnauthorized: false }) }
  const { at, host: engineHost } = place
  const address = addressOf(host, "host")
  return { at, host: engineHost, ...withTls(address.at === "tcp" ? address.port : undefined, material) }
}
