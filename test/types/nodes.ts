// What lookup, task, check, each, group and on take and give.
import {
  allowed,
  check,
  each,
  group,
  http,
  lookup,
  type Node,
  notify,
  type Output,
  on,
  resource,
  retry,
  type Secret,
  secret,
  type TaskCall,
  task,
  text,
} from "fettle"
import { exactly } from "./exactly.ts"
import { database, note, page, web } from "./kinds.ts"

const made = resource(page, "made", { path: "/a" }, { on: web })

// lookup is typed as resource is.
const found = lookup(page, "found", { path: "/b" }, { on: web })
exactly<Output<number>>()(found.version)
exactly<Output<string[]>>()(lookup(page, { path: "/c" }).hosts)
// @ts-expect-error Type 'number' is not assignable to type 'Input<string>'
lookup(page, "found", { path: 1 })
// @ts-expect-error 'colour' does not exist in type
lookup(page, { path: "/b", colour: "red" })
// @ts-expect-error Type 'Connection<DatabaseClient>' is not assignable to type 'Connection<WebClient>'
lookup(page, { path: "/b" }, { on: database })

// task: a command gives its standard output, a function what it returns.
const command = task("command", {
  run: ["node", "--test", made.url],
  files: ["src/**"],
  env: { KEY: secret.env("KEY") },
})
exactly<Output<string>>()(command.result)
exactly<Output<string>>()(command.inputsHash)
exactly<Output<number>>()(task("number", { run: () => 42 }).result)
exactly<Output<{ rows: number }>>()(task("promise", { run: async () => ({ rows: 1 }) }).result)
exactly<Output<string>>()(task("call", { run: ({ values }) => String(values.of), values: { of: made.url } }).result)
exactly<Output<boolean>>()(
  task("options", { run: async (call: TaskCall) => call.signal.aborted }, { after: [made] }).result,
)
exactly<Output<void>>()(task("nothing", { run: async ({ log }) => log("done"), once: true }).result)
exactly<Output<number>>()(
  task("tools", {
    run: async ({ run, reveal }) => {
      exactly<string>()(reveal(secret.env("KEY")))
      return (await run(["git", "rev-parse", "HEAD"], { cwd: "/srv" })).exitCode
    },
    secrets: [secret.env("KEY")],
  }).result,
)
resource(page, "of task", { path: command.result })
// @ts-expect-error Type 'Output<number>' is not assignable to type 'Input<string>'
resource(page, "of task", { path: task("length", { run: () => 1 }).result })
// @ts-expect-error Type 'string' is not assignable to type
task("shell", { run: "node --test" })
// @ts-expect-error Type 'number' is not assignable to type
task("words", { run: ["node", 1] })
// @ts-expect-error 'file' does not exist in type
task("unknown", { run: ["node"], file: ["src/**"] })
// @ts-expect-error 'file' does not exist in type
task("unknown", { run: () => 1, file: ["src/**"] })
// @ts-expect-error Property 'run' is missing in type
task("missing", { files: ["src/**"] })
// @ts-expect-error Type 'string' is not assignable to type 'Input<number | undefined>'
task("limit", { run: () => 1, timeoutMs: "30s" })
// @ts-expect-error Property 'exec' does not exist on type 'TaskCall'
task("call", { run: ({ exec }) => exec })
// @ts-expect-error 'on' does not exist in type
task("connection", { run: ["node"] }, { on: web })
// @ts-expect-error Type 'Secret<string>' is not assignable to type 'Input<string | undefined>'
task("folder", { run: ["node"], cwd: secret.env("KEY") })

// check: probes with outputs and secrets in them.
const answers = check("answers", http.get(text`${made.url}/health`, { status: 200 }), { after: [made], within: "30s" })
exactly<Output<"yes" | "no" | "inconclusive">>()(answers.verdict)
exactly<Output<string>>()(answers.evidence)
check("key", http.get(made.url, {}, { headers: { authorization: text`Bearer ${secret.env("KEY")}` } }))
resource(note, "after", { text: "a" }, { after: [answers, command] })
// @ts-expect-error Type 'number' is not assignable to type
check("url", http.get(made.version))
// @ts-expect-error 'state' does not exist in type
check("expectation", http.get("http://x/", { state: 200 }))
// @ts-expect-error Argument of type 'string' is not assignable to parameter of type
check("text", "http://x/")
// @ts-expect-error 'probe' is missing in type
check("no probe", { url: "http://x/" })
// @ts-expect-error 'retries' does not exist in type 'CheckOptions'
check("options", http.get("http://x/"), { retries: 3 })
// @ts-expect-error Type 'Secret<string>' is not assignable to type 'Input<Expected>'
check("deep", http.get("http://x/", { json: { "a.b": secret.env("KEY") } }))

// policies: a list of policies, or of notifications.
const policies = [retry(), allowed({ stages: ["prod"] }), notify({ command: ["page"] })]
resource(note, "policies", { text: "a" }, { policies })
// @ts-expect-error Type 'Policy' is missing the following properties from type 'readonly NodePolicy[]'
resource(note, "one", { text: "a" }, { policies: retry() })
// @ts-expect-error Type 'string' is not assignable to type 'NodePolicy'
resource(note, "word", { text: "a" }, { policies: ["retry"] })
// @ts-expect-error 'protected' does not exist in type
resource(note, "unknown", { text: "a" }, { protected: true })

// each: the items of a list that may be known only later.
each(
  "hosts",
  made.hosts,
  (host) => host,
  (host, key) => {
    exactly<string>()(host)
    exactly<string>()(key)
    resource(page, host, { path: text`/${host}/${made.version}` })
  },
)
exactly<Node>()(
  each(
    "ports",
    [{ port: 80 }],
    ({ port }) => `${port}`,
    ({ port }) => exactly<number>()(port),
  ),
)
const nothing = (): void => {}
const itself = (item: string): string => item
// @ts-expect-error Type 'number' is not assignable to type 'string'
each("key", [1], (item) => item, nothing)
// @ts-expect-error Argument of type 'Output<string>' is not assignable to parameter of type
each("list", made.url, itself, nothing)
// @ts-expect-error Property 'port' does not exist on type 'string'
each("item", made.hosts, itself, (host) => host.port)

// group and on give what their function gives.
exactly<Output<string>>()(group("web", () => made.url))
exactly<{ url: Output<string> }>()(group("web", { finally: [["rm", "-f", "/tmp/x"]] }, () => ({ url: made.url })))
exactly<Output<number>>()(on(web, () => made.version))
exactly<void>()(on(web, () => {}))
// @ts-expect-error 'url' does not exist in type 'Connection<unknown>'
on({ url: "http://x/" }, () => made)
// @ts-expect-error 'last' does not exist in type 'GroupOptions'
group("web", { last: [["rm"]] }, () => made)

/** What a group of a user gives on. */
export function service(key: Secret<string>): { readonly url: Output<string>; readonly node: Node } {
  return group("service", () => {
    const node = resource(page, "service", { path: "/s", key })
    return { url: node.url, node }
  })
}
// @ts-expect-error Cannot assign to 'url' because it is a read-only property
service(secret.env("KEY")).url = made.url
