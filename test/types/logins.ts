// Two logins of one target: what can be given, and what comes out.
import { logins, secret } from "fettle"
import * as host from "fettle/host"
import { api, type HttpClient } from "fettle/http"
import type { Connection } from "fettle/provider"
import { exactly } from "./exactly.ts"

const reader = api({ name: "shop", url: "https://shop.test", headers: { authorization: secret.env("READ_TOKEN") } })
const writer = api({ name: "shop", url: "https://shop.test", headers: { authorization: secret.env("WRITE_TOKEN") } })

exactly<Connection<HttpClient>>()(logins({ plan: reader, apply: writer }))
// @ts-expect-error Property 'apply' is missing
logins({ plan: reader })
// @ts-expect-error is not assignable to type
logins({ plan: reader, apply: host.local() })
// @ts-expect-error 'verify' does not exist
logins({ plan: reader, apply: writer, verify: reader })
