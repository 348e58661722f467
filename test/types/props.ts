// What may stand in the props and options of a node, and what may not.
import { type Input, json, type Output, resource, type Secret, secret, text } from "fettle"
import { database, note, page, untyped, web } from "./kinds.ts"

const made = resource(page, "made", { path: "/a" }, { on: web })

// Plain values, outputs and secrets, at any depth.
resource(page, { path: "/b" }, { on: web })
resource(page, "full", {
  path: made.url,
  key: secret.env("KEY"),
  body: text`${made.url} ${secret.env("KEY")}`,
  tags: ["a", made.url],
  size: { width: made.version, height: 2 },
  labels: { of: made.url, plain: "x" },
  format: made.format,
  command: ["nginx", made.url],
})
resource(page, "whole", { path: "/c", tags: made.hosts, key: made.token })
resource(page, "body", { path: "/d", body: json({ port: 1, key: secret.env("KEY") }) })
resource(page, "optional", { path: "/e", key: Math.random() > 0.5 ? secret.env("KEY") : undefined })
resource(page, "computed", { path: made.version.map((version) => `/v${version}`), size: { width: 1 } })

// A plain string is no secret, and a secret is no string.
// @ts-expect-error Type 'string' is not assignable to type 'Input<Secret<string>
resource(page, "plain", { path: "/f", key: "hunter2" })
// @ts-expect-error Type 'Output<string>' is not assignable to type 'Input<Secret<string>
resource(page, "plain", { path: "/f", key: made.url })
// @ts-expect-error Type 'Secret<string>' is not assignable to type 'Input<string>'
resource(page, "sealed", { path: secret.env("PATH_OF_IT") })
// @ts-expect-error Type 'Output<Secret<string>>' is not assignable to type 'Input<string>'
resource(page, "sealed", { path: made.token })
// @ts-expect-error Type 'Output<string | Secret<string>>' is not assignable to type 'Input<string>'
resource(page, "sealed", { path: text`/${secret.env("KEY")}` })
// @ts-expect-error Type 'Secret<number>' is not assignable to type 'Input<Secret<string>
resource(page, "number", { path: "/f", key: secret.env("KEY").map((value) => value.length) })

// The type of an output is the type of a prop.
// @ts-expect-error Type 'Output<number>' is not assignable to type 'Input<string>'
resource(page, "number", { path: made.version })
// @ts-expect-error Type 'Output<string | undefined>' is not assignable to type 'Input<string>'
resource(page, "maybe", { path: made.alias })
// @ts-expect-error Type 'Output<number>' is not assignable to type 'string'
resource(page, "deep", { path: "/g", tags: ["a", made.version] })
// @ts-expect-error Type 'Output<string>' is not assignable to type 'Input<number>'
resource(page, "deep", { path: "/g", size: { width: made.url } })
// @ts-expect-error Type 'Output<number>' is not assignable to type 'Input<string>'
resource(page, "deep", { path: "/g", labels: { of: made.version } })
// @ts-expect-error Type 'Output<string>' is not assignable to type 'Input<"
resource(page, "words", { path: "/g", format: made.url })
// @ts-expect-error Type '"pdf"' is not assignable to type 'Input<"
resource(page, "words", { path: "/g", format: "pdf" })
// @ts-expect-error Type '[]' is not assignable to type
resource(page, "empty", { path: "/g", command: [] })
// @ts-expect-error Type 'Output<string>' is not assignable to type
resource(page, "object", { path: "/g", limits: made.url })
// @ts-expect-error is not assignable to parameter of type
resource(page, "node", made)
// @ts-expect-error Type 'NodeOf<Provider<
resource(page, "node", { path: made })

// Props that the kind does not have, or must have.
// @ts-expect-error 'colour' does not exist in type
resource(page, "unknown", { path: "/h", colour: "red" })
// @ts-expect-error 'depth' does not exist in type
resource(page, "unknown", { path: "/h", size: { width: 1, depth: 2 } })
// @ts-expect-error Types of property 'map' are incompatible
resource(page, "unknown", { path: "/h", map: "red" })
// @ts-expect-error The types returned by 'toString()' are incompatible
resource(page, "unknown", { path: "/h", size: { width: 1, toString: () => "" } })
// @ts-expect-error Property 'path' is missing in type
resource(page, "missing", { body: "x" })
// @ts-expect-error Property 'width' is missing in type
resource(page, "missing", { path: "/h", size: { height: 1 } })
// @ts-expect-error Argument of type '{}' is not assignable to parameter of type 'PropsOf<Provider<
resource(page, {}, { on: web })

// A connection of another type.
resource(note, "none", { text: "a" })
// @ts-expect-error Type 'Connection<DatabaseClient>' is not assignable to type 'Connection<WebClient>'
resource(page, "wrong", { path: "/i" }, { on: database })
// @ts-expect-error Type 'Connection<unknown>' is not assignable to type 'Connection<WebClient>'
resource(page, "wrong", { path: "/i" }, { on: untyped })

// Options.
resource(page, "options", { path: "/j" }, { after: [made, "test.page[made]"], protect: true, timeout: "30s" })
// @ts-expect-error Type 'Output<string>' is not assignable to type 'string | Node'
resource(page, "options", { path: "/j" }, { after: [made.url] })
// @ts-expect-error 'dependsOn' does not exist in type
resource(page, "options", { path: "/j" }, { dependsOn: [made] })
// @ts-expect-error Type 'string' is not assignable to type 'boolean | undefined'
resource(page, "options", { path: "/j" }, { protect: "yes" })

// What is declared stays as it is.
// @ts-expect-error Cannot assign to 'url' because it is a read-only property
made.url = made.format
// @ts-expect-error Property 'address' does not exist on type
made.address

/** A function of a user that passes props on. */
export function pageOf(path: Input<string>, body: Input<string | Secret<string>>): Output<string> {
  return resource(page, "passed on", { path, body }).url
}
pageOf("/k", secret.env("KEY"))
// @ts-expect-error Argument of type 'Secret<string>' is not assignable to parameter of type
pageOf(secret.env("KEY"), "x")
