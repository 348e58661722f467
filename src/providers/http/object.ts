import type { HttpClient } from "../../connect/http-client.ts"
import { provider, type Settles } from "../../provider.ts"
import { planObject } from "./object-compare.ts"
import { chosenId, identitiesOf, type ObjectProps, objectOutputs, objectProps } from "./object-props.ts"
import { readObjects } from "./object-read.ts"
import { deleteObject, ensureObject } from "./object-write.ts"

/** Above the 10 minutes that a server may ask us to wait; one try has its own, shorter limit in the connection. */
const TIMEOUT_MS = 660_000

/**
 * Any object of a REST API, by its URLs.
 *
 * @example
 * resource(http.object, "shop", {
 *   create: { path: "/projects" },
 *   read: { path: "/projects/{id}" },
 *   list: { path: "/projects?limit=100", next: { page: "page" }, total: "total" },
 *   update: { method: "PATCH", path: "/projects/{id}" },
 *   delete: { path: "/projects/{id}" },
 *   body: { name: "shop", size: 3 },
 *   settle: { by: "token" },
 * }, { on: service })
 */
export const object = provider<typeof objectProps, typeof objectOutputs, HttpClient>({
  kind: "http.object",
  version: 1,
  about: "Any object of a REST API, made, read, listed, changed and deleted by its URLs.",
  connects: "http",
  props: objectProps,
  outputs: objectOutputs,
  settles,
  stable: ["id"],
  timeoutMs: TIMEOUT_MS,
  id: chosenId,
  idOf: (outputs) => outputs.id,
  identities: identitiesOf,
  predict: (want) => {
    const id = chosenId(want)
    return id === undefined ? {} : { id }
  },
  read: readObjects,
  plan: planObject,
  ensure: ensureObject,
  delete: deleteObject,
})

function settles({ settle, key }: ObjectProps): Settles {
  if (settle?.by === "mark") return { mark: true, horizonMs: settle.horizonMs }
  return settle?.by ?? (key === undefined ? "ask" : "unique")
}
