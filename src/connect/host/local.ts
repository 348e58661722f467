import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { resolve } from "node:path"
import type { Connection } from "../../provider.ts"
import { localCarrier } from "./carrier.ts"
import { openHost } from "./driver.ts"
import type { HostClient } from "./kind.ts"

export interface LocalOptions {
  /** Stored in state beside what is made through it. Default "local". */
  readonly name?: string
  /** Path or name of the POSIX shell that does the work. Default "sh". */
  readonly shell?: string
}

/**
 * The machine that fettle runs on, as a host.
 * @example const web = host.local()
 */
export function local({ name = "local", shell = "sh" }: LocalOptions = {}): Connection<HostClient> {
  return {
    type: "host",
    name,
    target: "this machine",
    secrets: [],
    open: (context) => openHost(localCarrier({ scope: scopeOf(), shell }), context),
  }
}

/** Sessions that were started from the same folder wait for each other's open changes: a run that was killed may still work. */
function scopeOf(): string {
  return createHash("sha256").update(`${hostname()}\n${resolve()}`).digest("hex").slice(0, 16)
}
