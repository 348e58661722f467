import { createHash } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { FettleError } from "../../errors.ts"

/** What the docker command writes there has some kilobytes. */
const FILE_MAX_BYTES = 1024 * 1024

/** What `config.json` holds, as far as it matters here. */
export interface DockerConfig {
  readonly currentContext: string | undefined
  /** By registry, as it stands there. */
  readonly auths: Readonly<Record<string, unknown>>
  /** Registry to the name of its helper. */
  readonly credHelpers: Readonly<Record<string, unknown>>
  readonly credsStore: string | undefined
}

/** A context of the docker command: an Engine under a name. */
export interface DockerContext {
  readonly host: string
  readonly skipTlsVerify: boolean
  /** PEM texts, where the context has any. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** The folder of the docker command, usually `~/.docker`. Nothing is written there. */
export class DockerFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** @throws FettleError `DOCKER_CONFIG` where it is not what the docker command writes */
  config(): DockerConfig {
    const at = join(this.path, "config.json")
    const json = fields(jsonOf(at, textOf(at)))
    return {
      currentContext: stringOf(json.currentContext),
      auths: fields(json.auths),
      credHelpers: fields(json.credHelpers),
      credsStore: stringOf(json.credsStore),
    }
  }

  /** @throws FettleError `DOCKER_CONFIG` where there is no such context */
  context(name: string): DockerContext {
    const id = createHash("sha256").update(name).digest("hex")
    const at = join(this.path, "contexts", "meta", id, "meta.json")
    const text = textOf(at)
    if (text === undefined)
      throw new FettleError("DOCKER_CONFIG", `there is no docker context ${JSON.stringify(name)} in ${this.path}`, {
        next: "docker context ls lists them; or give docker.engine a host",
      })
    const endpoint = fields(fields(fields(jsonOf(at, text)).Endpoints).docker)
    const host = stringOf(endpoint.Host)
    if (host === undefined) throw new FettleError("DOCKER_CONFIG", `${at}: it names no host of an Engine`)
    const part = (file: string): string | undefined => textOf(join(this.path, "contexts", "tls", id, "docker", file))
    const [ca, cert, key] = [part("ca.pem"), part("cert.pem"), part("key.pem")]
    const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
    return { host, skipTlsVerify: endpoint.SkipTLSVerify === true, tls }
  }
}

/** The text of a file; undefined where there is none. @throws FettleError `DOCKER_CONFIG` */
export function textOf(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) // a fifo would wait for its writer
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw new FettleError("DOCKER_CONFIG", `${path} cannot be read`, { cause: thrown })
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile() || stat.size > FILE_MAX_BYTES)
      throw new FettleError("DOCKER_CONFIG", `${path} is not a file, or too large to be one of the docker command's`)
    return readFileSync(file, "utf8")
  } finally {
    closeSync(file)
  }
}

/** Not the parser's words: they quote what stands there, and that may be a password. */
function jsonOf(path: string, text: string | undefined): unknown {
  try {
    return text === undefined ? {} : JSON.parse(text)
  } catch {
    throw new FettleError("DOCKER_CONFIG", `${path} is not JSON`, { next: "mend or remove the file" })
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined
}
