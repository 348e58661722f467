import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { resolve } from "node:path"

/** Sessions that were started from the same folder wait for each other's open changes: a run that was killed may still work. */
export function scopeOf(): string {
  return createHash("sha256").update(`${hostname()}\n${resolve()}`).digest("hex").slice(0, 16)
}
