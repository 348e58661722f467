import { join } from "node:path"
import { FettleError } from "../../errors.ts"
import type { OpenContext } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { textOf } from "./docker-folder.ts"
import type { TlsMaterial } from "./exchange.ts"

/** Of TLS to an Engine: a folder with `ca.pem`, `cert.pem` and `key.pem`, or each of them; paths or PEM texts. */
export type EngineTls =
  | string
  | {
      /** Who must have signed the Engine's certificate. Default: whom this machine trusts. */
      readonly ca?: string
      readonly cert?: string
      /** A path, or the PEM text as a secret. */
      readonly key?: string | Secret<string>
    }

/** Secrets that opening needs. */
export function secretsOfTls(tls: EngineTls | undefined): readonly Secret<unknown>[] {
  return typeof tls === "object" && tls.key instanceof Secret ? [tls.key] : []
}

/** Reads what the handshake needs. @throws FettleError `CONNECTION_FAILED` where a file is not there */
export function tlsMaterial(tls: EngineTls, reveal: OpenContext["reveal"]): TlsMaterial {
  if (typeof tls === "string") {
    const cert = textOf(join(tls, "cert.pem"))
    const key = textOf(join(tls, "key.pem"))
    return { ca: pem(join(tls, "ca.pem")), ...(cert && { cert }), ...(key && { key }) }
  }
  const { ca, cert, key } = tls
  return {
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: key instanceof Secret ? reveal(key) : pem(key) }),
  }
}

function pem(given: string): string {
  if (given.startsWith("-----BEGIN ")) return given
  const text = textOf(given)
  if (text !== undefined) return text
  throw new FettleError("CONNECTION_FAILED", `docker.engine: tls names ${given}, and there is no such file`)
}
