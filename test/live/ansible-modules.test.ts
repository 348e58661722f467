import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { module } from "../../src/ansible.ts"
import { realAnsible } from "../support/ansible.ts"
import { canOverlay, type OverlayRoot, overlayRoot } from "../support/overlay-root.ts"
import { CASES, type ModuleCase, prepare, writtenIn } from "./ansible-cases.ts"
import { cleanUp, type Done, HostWorld, newFolder, node, type TestNode } from "./host-world.ts"

const real = realAnsible()
const can = real !== undefined && canOverlay()

/** What one task of a playbook came to. */
interface Task {
  readonly task: string
  readonly result: Readonly<Record<string, unknown>>
}

const CALLBACK = `
from __future__ import annotations
DOCUMENTATION = "name: told\\ntype: stdout\\nshort_description: json lines\\ndescription: json lines"
import json
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "told"
    def told(self, result, **more):
        print("TOLD " + json.dumps({"task": result._task.get_name(),  "result": result._result}, default=str))
    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_skipped = v2_runner_on_unreachable = told
`

let theirs: OverlayRoot
let ours: OverlayRoot
let world: HostWorld
let server: Server
const nodes = new Map<string, TestNode>()
const cases = new Map<string, ModuleCase>()
const runs: ReadonlyMap<string, Done>[] = []
const written: (readonly string[])[] = []
let theirTasks: ReadonlyMap<string, Task["result"]>

/** All cases as one playbook, run by the real Ansible inside its root. */
async function runTheirs(): Promise<ReadonlyMap<string, Task["result"]>> {
  const { venv = "", collections = "" } = real ?? {}
  const at = (path: string): string => path.replace(dirname(venv), "/mnt")
  const script = `cd / && ANSIBLE_COLLECTIONS_PATH=${at(collections)} ANSIBLE_CALLBACK_PLUGINS=/srv/told ANSIBLE_STDOUT_CALLBACK=told ANSIBLE_PIPELINING=1 exec ${at(venv)}/bin/python -m ansible playbook -i localhost, -c local -e ansible_python_interpreter=/usr/bin/python3 /srv/told/play.json`
  const { stdout } = await promisify(execFile)("setpriv", ["--pdeathsig=KILL", ...theirs.enter, "sh", "-c", script], {
    maxBuffer: 100_000_000,
  })
  const tasks = stdout
    .split("\n")
    .flatMap((line) => (line.startsWith("TOLD ") ? [JSON.parse(line.slice(5)) as Task] : []))
  return new Map(tasks.map(({ task, result }) => [task, result]))
}

async function runOurs(): Promise<ReadonlyMap<string, Done>> {
  return world.apply([...nodes.values()], { timeoutMs: 120_000 })
}

beforeAll(async () => {
  if (real === undefined || !can) return
  process.env.ANSIBLE_COLLECTIONS_PATH = real.collections
  server = createServer((_request, response) => response.end("one\n")).listen(0, "127.0.0.1")
  await new Promise((listening) => server.once("listening", listening))
  const { port } = server.address() as AddressInfo
  const sent = newFolder()
  writeFileSync(join(sent, "sent.txt"), "sent\n")
  ;[theirs, ours] = await Promise.all([overlayRoot(dirname(real.venv)), overlayRoot()])
  for (const root of [theirs, ours]) {
    root.run(`echo ansible-${process.pid} >/proc/sys/kernel/hostname`) // sessions of other tests take turns by it
    prepare(root)
    root.run("sleep 0.01; : >/srv/begun; sleep 0.01")
  }
  const tasks = []
  for (const [name, make] of Object.entries(CASES)) {
    const each = make(port)
    const { environment = {} } = each
    cases.set(name, each)
    tasks.push({ name, [each.module]: each.args, environment, ignore_errors: true })
    const args = each.args.src === "/SENT/sent.txt" ? { ...each.args, src: join(sent, "sent.txt") } : each.args
    nodes.set(
      name,
      node(module, name, { module: each.module, args, environment, core: real.venv, python: "/usr/bin/python3" }),
    )
  }
  theirs.run("mkdir -p /srv/told")
  writeFileSync(theirs.path("/srv/told/told.py"), CALLBACK)
  writeFileSync(theirs.path("/srv/told/play.json"), JSON.stringify([{ hosts: "all", gather_facts: false, tasks }]))
  world = await HostWorld.open({ scope: "ansible", prefix: ours.enter })
  const told = runTheirs()
  for (const turn of [0, 1]) {
    const done = await runOurs()
    runs.push(done)
    if (turn === 0) theirTasks = await told
    written.push(writtenIn(ours))
    for (const [name, { result }] of done) {
      const known = nodes.get(name) as TestNode
      if (result !== undefined && "outputs" in result)
        nodes.set(name, { ...known, last: { props: known.want, outputs: result.outputs } })
    }
  }
}, 240_000)

afterAll(async () => {
  await world?.close()
  server?.close()
  await Promise.all([theirs?.stop(), ours?.stop()])
  cleanUp()
})

/** Whether a run changed something, in one word. */
function wordOf(done: Done | undefined): string {
  if (done === undefined) return "nothing"
  if (done.change.action === "none") return "same"
  const { result } = done
  if (result !== undefined && "failed" in result) return `failed: ${result.failed.fact}`
  return "changed"
}

function theirWord(result: Task["result"] | undefined): string {
  if (result === undefined) return "nothing"
  if (result.failed === true) return `failed: ${result.msg}`
  return result.changed === true ? "changed" : "same"
}

describe.skipIf(!can)("modules by Fettle and by the real Ansible", () => {
  test.each(Object.keys(CASES))("%s", (name) => {
    const { looks = false, unasked = false } = cases.get(name) as ModuleCase
    const [first, second] = runs
    const real = theirWord(theirTasks.get(name))
    expect(real).toBe(looks ? "same" : "changed")
    expect(wordOf(first?.get(name))).toBe(unasked ? "changed" : real)
    expect(wordOf(second?.get(name))).toBe("same")
  })

  test("every file of the two roots is the same, byte by byte", () => {
    expect(written[0]).toEqual(writtenIn(theirs))
    expect(written[0]?.length).toBeGreaterThan(60)
  })

  test("a second run writes nothing", () => {
    expect(written[1]).toEqual(written[0])
  })
})
