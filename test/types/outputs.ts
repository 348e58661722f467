// What outputs, templates and secrets give.
import { json, type Output, resource, type Secret, secret, text } from "fettle"
import { exactly } from "./exactly.ts"
import { page, web } from "./kinds.ts"

const made = resource(page, "made", { path: "/a" }, { on: web })
const key = secret.env("KEY")

// One output for each key, with its type.
exactly<Output<string>>()(made.url)
exactly<Output<number>>()(made.version)
exactly<Output<Secret<string>>>()(made.token)
exactly<Output<string | undefined>>()(made.alias)
exactly<Output<"html" | "text">>()(made.format)
exactly<Output<string[]>>()(made.hosts)
// @ts-expect-error Property 'status' does not exist on type
made.status
// @ts-expect-error Property 'length' does not exist on type 'Output<string>'
made.url.length

// map
exactly<Output<number>>()(made.url.map((url) => url.length))
exactly<Output<{ at: string }>>()(made.url.map((at) => ({ at })))
exactly<Output<boolean>>()(made.alias.map((alias) => alias === undefined))
// @ts-expect-error Property 'toFixed' does not exist on type 'string'
made.url.map((url) => url.toFixed())
// @ts-expect-error 'alias' is possibly 'undefined'
made.alias.map((alias) => alias.length)
// @ts-expect-error Property 'length' does not exist on type 'Secret<string>'
made.token.map((token) => token.length)

// Secrets: what derives from one is one.
exactly<Secret<string>>()(key)
exactly<Secret<string>>()(secret.random("password", { bytes: 32 }))
exactly<Secret<number>>()(key.map((value) => value.length))
exactly<Secret<string>>()(key.map((value) => value.length).map(String))
exactly<Output<Secret<string>>>()(made.token.map((token) => token.map((value) => `Bearer ${value}`)))
// @ts-expect-error Property 'length' does not exist on type 'Secret<string>'
key.length
// @ts-expect-error Property 'value' does not exist on type 'Secret<string>'
key.value
// @ts-expect-error Expected 1-2 arguments, but got 0
secret.env()
// @ts-expect-error Source has 0 element(s) but target requires 1
secret.command([])

// text: without a secret it is text, with one it may be a secret.
exactly<Output<string>>()(text`plain`)
exactly<Output<string>>()(text`http://${made.url}:${8080}/${true}`)
exactly<Output<string>>()(text`${made.url}${made.version}${made.format}`)
exactly<Output<string | Secret<string>>>()(text`${key}`)
exactly<Output<string | Secret<string>>>()(text`postgres://shop:${key}@${made.url}:${5432}`)
exactly<Output<string | Secret<string>>>()(text`Bearer ${made.token}`)
exactly<Output<string>>()(text`<${text`${made.url}`}>`)
exactly<Output<string | Secret<string>>>()(text`<${text`${key}`}>`)
// @ts-expect-error 'a' does not exist in type '
text`${{ a: 1 }}`
// @ts-expect-error Argument of type 'undefined' is not assignable to parameter of type 'MaybeSecret'
text`${undefined}`
// @ts-expect-error Type 'undefined' is not assignable to type
text`${made.alias}`
// @ts-expect-error Type 'string[]' is not assignable to type
text`${made.hosts}`
// @ts-expect-error Argument of type 'Secret<number>' is not assignable to parameter of type 'MaybeSecret'
text`${key.map((value) => value.length)}`
// @ts-expect-error Argument of type 'NodeOf<
text`${made}`

// json: a secret anywhere in it makes it one.
exactly<Output<string>>()(json({ port: 8080, url: made.url, tags: ["a", made.version], none: null, off: undefined }))
exactly<Output<string>>()(json([1, "a", true], 0))
exactly<Output<string | Secret<string>>>()(json({ port: 8080, key }))
exactly<Output<string | Secret<string>>>()(json({ deep: [{ token: made.token }] }))
exactly<Output<string | Secret<string>>>()(json(JSON.parse("{}") as unknown))
