import { expect, test } from "vitest"
import { Story } from "../../src/report/story.ts"
import { change, events, plan, type Step } from "./build.ts"

const HOSTS = 1_000

/** An apply of three nodes on each of a thousand hosts, of which three are dead. */
function run(): readonly Step[] {
  const hosts = Array.from({ length: HOSTS }, (_, at) => `web${String(at + 1).padStart(4, "0")}`)
  const dead = new Set(["web0007", "web0500", "web0999"])
  const kinds = ["host.directory[d]", "host.file[a]", "host.file[b]"]
  const error = (host: string) => ({
    code: "READ_FAILED",
    fact: `${host}: connection refused`,
    next: "see that it is up",
  })
  const each = <T>(make: (host: string, address: string) => T): readonly T[] =>
    hosts.flatMap((host) => kinds.map((kind) => make(host, `web/${host}/${kind}`)))
  const changes = each((connection, address) =>
    dead.has(connection)
      ? change(address, "blocked", { connection, because: error(connection).fact, error: error(connection) })
      : change(address, "create", { connection, because: "not there", cause: "new" }),
  )
  return [
    { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" },
    ...hosts.map((connection): Step => ({ type: "plan.read", connection, items: 3, durationMs: 4_000 })),
    { type: "plan.made", plan: plan(changes) },
    { type: "apply.started", total: changes.length, pass: 1 },
    ...each(
      (host, address): Step =>
        dead.has(host)
          ? { type: "node.finished", address, action: "blocked", outcome: "failed", durationMs: 0, error: error(host) }
          : { type: "node.finished", address, action: "create", outcome: "done", durationMs: 5 },
    ),
    { type: "run.finished", outcome: "failed", exitCode: 1, durationMs: 9_000, counts: { create: 2_991, failed: 9 } },
  ]
}

test("what is done on a thousand hosts is read on two screens", () => {
  const story = new Story(() => ({ color: false, columns: 100 }), { verbose: false, root: undefined, skippedMax: 20 })
  const lines = events(run()).flatMap((event) => story.tell(event, []))
  const text = lines.join("\n")
  expect(lines.length).toBeLessThan(100)
  expect(text).toContain(
    "+ web/*/host.file[a]       on 997 hosts: web[0001-0006], web[0008-0499], web[0501-0998], web1000",
  )
  expect(text).toContain("~ changed on 997 hosts: web[0001-0006], web[0008-0499], web[0501-0998], web1000")
  expect(text).toContain("× failed on 3 hosts: web0007, web0500, web0999")
  expect(text).toContain("2,991 created, 9 failed")
})
