import { FettleError } from "../../errors.ts"

/** Where an Engine is said to be. */
export type EngineAddress =
  | { readonly at: "unix"; readonly path: string }
  | { readonly at: "tcp"; readonly host: string; readonly port: number | undefined }
  /** Reached by the operator's own ssh; `path` is the Engine's socket there. */
  | { readonly at: "ssh"; readonly destination: string; readonly path: string | undefined }

/**
 * Reads what stands in `host`, `DOCKER_HOST` or a context.
 * @throws FettleError `PROPS_INVALID`
 * @example addressOf("unix:///var/run/docker.sock", "host")
 */
export function addressOf(text: string, from: string): EngineAddress {
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1]
  if (scheme === "unix") {
    const path = text.slice("unix://".length)
    if (path.startsWith("/") && !path.includes("\0")) return { at: "unix", path }
  }
  if (scheme === "tcp" || scheme === "ssh") {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url !== undefined && isPlain(url)) return scheme === "tcp" ? tcpOf(url, from, text) : sshOf(url, from, text)
  }
  return refuse(text, from)
}

function isPlain({ password, search, hash, hostname }: URL): boolean {
  return password === "" && search === "" && hash === "" && hostname !== ""
}

function tcpOf(url: URL, from: string, text: string): EngineAddress {
  if ((url.pathname !== "" && url.pathname !== "/") || url.username !== "") return refuse(text, from)
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1")
  return { at: "tcp", host, port: url.port === "" ? undefined : Number(url.port) }
}

function sshOf(url: URL, from: string, text: string): EngineAddress {
  const path = decodeURIComponent(url.pathname)
  if (path.includes("\0") || path.includes(":")) return refuse(text, from)
  const user = url.username === "" ? "" : `${decodeURIComponent(url.username)}@`
  const port = url.port === "" ? "" : `:${url.port}`
  return { at: "ssh", destination: `ssh://${user}${url.hostname}${port}`, path: path.length > 1 ? path : undefined }
}

function refuse(text: string, from: string): never {
  throw new FettleError("PROPS_INVALID", `docker.engine: ${from} cannot be ${JSON.stringify(shown(text))}`, {
    next: "give it unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host",
  })
}

/** Without what may be a password. */
function shown(text: string): string {
  return text.slice(0, 200).replace(/:[^:@/]*@/, ":…@")
}
