import type { Connection, OpenContext } from "../../provider.ts"

import { localCarrier } from "./carrier.ts"
import { openHost } from "./driver.ts"
import type { HostClient } from "./kind.ts"
import { scopeOf } from "./scope.ts"

export interface LocalOptions {
  /** Stored in state beside what is made through it. Default "local". */
  readonly name?: string
  /** Path or name of the POSIX shell that does the work. Default "sh". */
  readonly shell?: string
  /** Words by which `--limit` chooses it, besides its name. */
  readonly tags?: readonly string[]
}

/**
 * The machine that fettle runs on, as a host.
 * @example const web = host.local()
 */
export function local({ name = "local", shell = "sh", tags = [] }: LocalOptions = {}): Connection<HostClient> {
  return Object.freeze({
    type: "host",
    name,
    target: "this machine",
    labels: Object.freeze([...tags]),
    secrets: Object.freeze([]),
    open: (context: OpenContext) => openHost(localCarrier({ scope: scopeOf(), shell }), context),
  })
}
