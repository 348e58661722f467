// What program() takes, and how parameters and stages are typed.
import { type Output, type Program, program, resource, text } from "fettle"
import { exactly } from "./exactly.ts"
import { note, page, web } from "./kinds.ts"

// Defaults widen: a literal stands for its type.
const shop = program(
  "shop",
  { port: 8080, host: "127.0.0.1", tls: false },
  (params) => {
    exactly<number>()(params.port)
    exactly<string>()(params.host)
    exactly<boolean>()(params.tls)
    exactly<Output<string>>()(resource(page, { path: text`/${params.port}` }, { on: web }).url)
  },
  { stages: { prod: { port: 80, tls: true }, test: {}, host: { host: "0.0.0.0" } }, providers: [page, note] },
)
exactly<Program>()(shop)
exactly<Program>()(program("empty", {}, () => {}))
program("one of few", { size: "small" as "small" | "large" }, ({ size }) => void size, {
  stages: { prod: { size: "large" } },
})

// @ts-expect-error Type 'string' is not assignable to type 'number'
program("stage", { port: 8080 }, () => {}, { stages: { prod: { port: "80" } } })
// @ts-expect-error 'ports' does not exist in type
program("stage", { port: 8080 }, () => {}, { stages: { prod: { ports: 80 } } })
// @ts-expect-error Type 'number' has no properties in common with type 'Partial<
program("stage", { port: 8080 }, () => {}, { stages: { prod: 80 } })
// @ts-expect-error Property 'ports' does not exist on type
program("param", { port: 8080 }, ({ ports }) => ports)
// @ts-expect-error Property 'toUpperCase' does not exist on type 'number'
program("param", { port: 8080 }, ({ port }) => port.toUpperCase())
// @ts-expect-error Cannot assign to 'port' because it is a read-only property
program("param", { port: 8080 }, (params) => (params.port = 80))
// @ts-expect-error Type 'null' is not assignable to type 'string | number | boolean'
program("param", { port: null }, () => {})
// @ts-expect-error Type 'string[]' is not assignable to type 'string | number | boolean'
program("param", { hosts: ["a"] }, () => {})
// @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'string'
program(1, {}, () => {})
// @ts-expect-error Expected 3-4 arguments, but got 2
program("shop", {})
// @ts-expect-error 'stage' does not exist in type 'ProgramOptions<
program("shop", {}, () => {}, { stage: { prod: {} } })
// @ts-expect-error Cannot assign to 'name' because it is a read-only property
shop.name = "other"
