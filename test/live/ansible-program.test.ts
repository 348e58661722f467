import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { group, lookup, type Program, program, resource, secret } from "fettle"
import * as ansible from "fettle/ansible"
import * as host from "fettle/host"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { hostOf } from "../../src/connect/host/driver.ts"
import type { HostClient } from "../../src/connect/host/kind.ts"
import type { Address } from "../../src/program/address.ts"
import { realAnsible } from "../support/ansible.ts"
import { changesOf, outcomesOf, runsIn, type TestRun, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { carrierFor, cleanUp, HostWorld, node } from "./host-world.ts"

const real = realAnsible()
const core = real?.venv ?? ""
const CANARY = "canary-Ansible-5f1c0b77"

beforeAll(() => {
  process.env.ANSIBLE_COLLECTIONS_PATH = real?.collections
})
afterAll(async () => {
  await stopHosts()
  cleanUp()
})

function on(build: (web: ReturnType<typeof host.local>) => void): Program {
  return program("shop", {}, () => build(host.local()))
}

/** What the plan says of the only node of this name. */
function changeOf(run: TestRun, name: string) {
  if (run.error !== undefined) throw run.error
  return run.plan?.changes.find(({ address }) => address.endsWith(`[${name}]`))
}

/** Plans list only what is to be done. */
function actionOf(run: TestRun, name: string): string {
  return changeOf(run, name)?.action ?? "none"
}

function errorsOf(run: TestRun): readonly string[] {
  return (run.applied?.outcomes ?? []).flatMap((each) =>
    each.error === undefined ? [] : [`${each.error.code}: ${each.error.fact}`],
  )
}

describe.skipIf(real === undefined)("a module in a program", { timeout: 60_000 }, () => {
  test("is planned with its difference, run, and then as declared", async () => {
    const folder = testFolder()
    const path = join(folder, "conf")
    writeFileSync(path, "host a\n")
    const shop = on((web) => {
      const line = resource(
        ansible.module,
        "port",
        { module: "lineinfile", args: { path, line: "port 8080" }, core },
        { on: web },
      )
      const facts = lookup(
        ansible.module,
        "given",
        { module: "stat", args: { path: "/etc/passwd" }, core },
        { on: web },
      )
      resource(
        host.file,
        "said",
        { path: join(folder, "said"), content: line.result.map((result) => `${result.msg}\n`) },
        { on: web },
      )
      resource(
        host.file,
        "mode",
        {
          path: join(folder, "mode"),
          content: facts.result.map(({ stat }) => String((stat as { mode: string }).mode)),
        },
        { on: web },
      )
    })
    const runs = runsIn(folder)
    const planned = await runs.plan(shop)
    expect(changeOf(planned, "port")).toMatchObject({
      action: "run",
      because: "lineinfile says that it would change something",
      text: "@@ -1 +1,2 @@\n host a\n+port 8080",
    })
    expect(readFileSync(path, "utf8")).toBe("host a\n")
    expect(errorsOf(await runs.apply(shop))).toEqual([])
    expect(readFileSync(path, "utf8")).toBe("host a\nport 8080\n")
    expect(readFileSync(join(folder, "said"), "utf8")).toBe("line added\n")
    expect(readFileSync(join(folder, "mode"), "utf8")).toBe("0644")
    expect(actionOf(await runs.plan(shop), "port")).toBe("none")
    writeFileSync(path, "host a\n")
    expect(actionOf(await runs.plan(shop), "port")).toBe("run")
  })

  test("that needs what another node makes is asked again in its turn", async () => {
    const folder = testFolder()
    const path = join(folder, "made/conf")
    const shop = on((web) => {
      const made = resource(host.directory, { path: join(folder, "made") }, { on: web })
      const conf = resource(host.file, { path, content: "a\n", mode: "0644" }, { on: web, after: [made] })
      const more = { on: web, after: [conf] }
      resource(ansible.module, "block", { module: "replace", args: { path, regexp: "a", replace: "b" }, core }, more)
    })
    const runs = runsIn(folder)
    const planned = await runs.plan(shop)
    expect(changeOf(planned, "block")).toMatchObject({
      action: "run",
      because: expect.stringMatching(/^asked as things are now it fails: replace: Path .* does not exist/),
    })
    expect(errorsOf(await runs.apply(shop))).toEqual([])
    expect(readFileSync(path, "utf8")).toBe("b\n")
  })

  test("leaves what it made, unless absent says how to undo it", async () => {
    const folder = testFolder()
    const [kept, gone] = [join(folder, "kept"), join(folder, "gone")]
    const made = on((web) => {
      const file = (path: string) => ({ module: "file", args: { path, state: "directory" }, core })
      resource(ansible.module, "kept", file(kept), { on: web })
      resource(ansible.module, "gone", { ...file(gone), absent: { path: gone, state: "absent" } }, { on: web })
    })
    const runs = runsIn(folder)
    await runs.apply(made)
    expect([kept, gone].map((path) => existsSync(path))).toEqual([true, true])
    const nothing = on((web) => lookup(host.facts, "web", {}, { on: web }))
    const planned = await runs.plan(nothing)
    expect(changeOf(planned, "kept")).toMatchObject({ action: "forget", because: "left the program" })
    expect(changeOf(planned, "gone")).toMatchObject({ action: "delete" })
    expect(errorsOf(await runs.apply(nothing))).toEqual([])
    expect([kept, gone].map((path) => existsSync(path))).toEqual([true, false])
  })

  test("that was already so is not ours, and stays", async () => {
    const folder = testFolder()
    const path = join(folder, "there")
    mkdirSync(path)
    const runs = runsIn(folder)
    const args = { path, state: "directory" }
    const props = { module: "file", args, absent: { path, state: "absent" }, core }
    const applied = await runs.apply(on((web) => resource(ansible.module, "there", props, { on: web })))
    expect(changeOf(applied, "there")).toMatchObject({ action: "adopt", because: expect.stringContaining("not ours") })
    await runs.apply(on((web) => lookup(host.facts, "web", {}, { on: web })))
    expect(existsSync(path)).toBe(true)
  })

  test("that cannot be asked runs once, and again when its arguments change", async () => {
    const folder = testFolder()
    const ran = join(folder, "ran")
    const shop = (word: string) =>
      on((web) =>
        resource(ansible.module, "say", { module: "shell", args: { cmd: `echo ${word} >>${ran}` }, core }, { on: web }),
      )
    const runs = runsIn(folder)
    expect(changeOf(await runs.plan(shop("a")), "say")).toMatchObject({
      action: "run",
      because: "shell cannot say beforehand what it would change: it runs now, and again when its arguments change",
    })
    await runs.apply(shop("a"))
    await runs.apply(shop("a"))
    expect(readFileSync(ran, "utf8")).toBe("a\n")
    await runs.apply(shop("b"))
    expect(readFileSync(ran, "utf8")).toBe("a\nb\n")
  })

  test("keeps a secret out of plans, state, events and the journal of the host", async () => {
    const folder = testFolder()
    const path = join(folder, "key")
    const shop = on((web) =>
      resource(
        ansible.module,
        "key",
        {
          module: "copy",
          args: { dest: path, content: secret.env("KEY").map((key) => `key=${key}\n`), mode: "0600" },
          environment: { ALSO: secret.env("KEY") },
          core,
        },
        { on: web },
      ),
    )
    const runs = runsIn(folder, { env: { KEY: CANARY } })
    const planned = await runs.plan(shop)
    expect(changeOf(planned, "key")?.because).toContain("its arguments hold a secret, which a plan may not open")
    const applied = await runs.apply(shop)
    expect(errorsOf(applied)).toEqual([])
    expect(readFileSync(path, "utf8")).toBe(`key=${CANARY}\n`)
    expect(actionOf(await runs.plan(shop), "key")).toBe("none")
    const other = runsIn(folder, { env: { KEY: `${CANARY}-other` } })
    expect(changeOf(await other.plan(shop), "key")?.because).toContain("its arguments are others now")
    expect(JSON.stringify([planned, applied])).not.toContain(CANARY)
    for (const file of readdirSync(join(folder, ".fettle"), { recursive: true, withFileTypes: true }))
      if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), "latin1")).not.toContain(CANARY)
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["unknown arguments", { module: "file", args: { nope: 1 } }, /missing required arguments|Unsupported parameters/],
    ["no such module", { module: "no.such.module", args: {} }, /finds no module no\.such\.module/],
    ["a template", { module: "ansible.builtin.template", args: {} }, /does its work on the controller/],
    ["a folder to copy", { module: "copy", args: { src: "/etc", dest: "/srv" } }, /\/etc is a folder/],
    ["no Python there", { module: "ping", args: {}, python: "/no/python3" }, /the host has no \/no\/python3/],
    ["no ansible-core here", { module: "ping", args: {}, core: "/no/venv" }, /\/no\/venv has no ansible-core/],
  ])("refuses in the plan: %s", async (_what, props, words) => {
    const runs = runsIn(testFolder())
    const planned = await runs.plan(
      on((web) => resource(ansible.module, "it", { core, ...props } as never, { on: web })),
    )
    const { error } = changeOf(planned, "it") ?? {}
    expect(error?.fact).toMatch(words)
    expect(error?.next).toMatch(
      /ansible-doc|ansible-galaxy|host\.file|host\.tree|apt-get install python3|pip install ansible-core/,
    )
  })

  test("that fails says what the module said", async () => {
    const folder = testFolder()
    const args = { cmd: "echo out of luck >&2; exit 3" }
    const shop = on((web) =>
      resource(ansible.module, "sad", { module: "shell", args, repeatable: true, core }, { on: web }),
    )
    const runs = runsIn(folder)
    const applied = await runs.apply(shop)
    expect(applied.applied?.outcomes[0]?.error).toMatchObject({
      code: "ANSIBLE_FAILED",
      fact: "shell: non-zero return code",
      cause: "out of luck",
    })
    expect(actionOf(await runs.plan(shop), "sad")).toBe("run")
  })
})

describe.skipIf(real === undefined)("the warm Python", { timeout: 60_000 }, () => {
  test("takes two hundred modules in three requests, and is gone with its session", async () => {
    const all = () => readdirSync("/dev/shm").filter((name) => name.startsWith("fettle-ansible-"))
    const others = new Set(all())
    const mine = () => all().filter((name) => !others.has(name))
    const world = await HostWorld.open(carrierFor("dash", "warm"))
    const client = hostOf(world.driver) as HostClient
    let requests = 0
    const counted: HostClient = {
      ...bound(client),
      run: (command) => {
        requests += 1
        return client.run(command)
      },
    }
    const folder = testFolder()
    const keys = Array.from({ length: 200 }, (_, at) => {
      const args = { path: join(folder, `${at}`), state: "directory" }
      const { address, want } = node(ansible.module, `m[${at}]`, { module: "file", args, core })
      return { address: address as Address, want: want as never }
    })
    const call = {
      connection: counted,
      signal: world.controller.signal,
      seal: String,
      secret: () => world.secret("x", "x"),
    }
    const began = performance.now()
    const seen = await ansible.module.read(keys, call)
    console.log(`200 checks: ${Math.round(performance.now() - began)} ms in ${requests} requests`)
    expect([...seen.values()].every((each) => "absent" in each)).toBe(true)
    expect(requests).toBeLessThanOrEqual(3)
    expect(mine().length).toBeGreaterThan(0)
    const before = mine()
    await world.close()
    for (let tries = 0; tries < 100 && mine().some((name) => before.includes(name)); tries++) await sleep(100)
    expect(mine().filter((name) => before.includes(name))).toEqual([])
  })

  test("shares a request among changes, and works without root over ssh", { timeout: 120_000 }, async () => {
    if (!canStartHosts()) return
    const web = await SshHost.start("web1", { users: [{ name: "deploy" }] })
    const folder = testFolder()
    chmodSync(folder, 0o777)
    const shop = program("shop", {}, () => {
      const there = host.ssh("web1", { config: web.config, user: "deploy", kex: "fast" })
      for (let at = 0; at < 20; at++)
        resource(
          ansible.module,
          `f${at}`,
          { module: "copy", args: { dest: join(folder, `f${at}`), content: `${at}\n` }, core },
          { on: there },
        )
    })
    const runs = runsIn(folder)
    expect(errorsOf(await runs.apply(shop))).toEqual([])
    expect(readFileSync(join(folder, "f19"), "utf8")).toBe("19\n")
    expect(changesOf(await runs.plan(shop)).filter((each) => !each.startsWith("none"))).toEqual([])
  })
})

/** The methods of a host, which live on its class. */
function bound(client: HostClient): HostClient {
  return {
    read: (...given) => client.read(...given),
    change: (...given) => client.change(...given),
    run: (...given) => client.run(...given),
    dial: (...given) => client.dial(...given),
  }
}

describe.skipIf(real === undefined)("a playbook in a program", { timeout: 90_000 }, () => {
  const play = (folder: string, tasks: readonly object[]): string => {
    const path = join(folder, "site.yml")
    writeFileSync(path, JSON.stringify([{ hosts: "all", gather_facts: false, tasks }]))
    return path
  }
  const inventory = "one, "
  const extraVars = { ansible_connection: "local", ansible_python_interpreter: "/usr/bin/python3" }

  test("is planned by its check, run, and then as declared", async () => {
    const folder = testFolder()
    const path = join(folder, "conf")
    const playbook = play(folder, [
      { name: "a line", lineinfile: { path, line: "port {{ port }}", create: true } },
      { name: "a command", command: `touch ${path}.ran`, args: { creates: `${path}.ran` } },
      { name: "one that only a run can tell", command: "true", changed_when: false },
    ])
    const site = program("site", {}, () => {
      const run = resource(ansible.playbook, "site", {
        playbook,
        inventory,
        extraVars: { ...extraVars, port: 80 },
        core,
      })
      group("after", () =>
        resource(
          host.file,
          "told",
          { path: join(folder, "told"), content: run.hosts.map((hosts) => JSON.stringify(hosts)) },
          { on: host.local() },
        ),
      )
    })
    const runs = runsIn(folder)
    expect(changeOf(await runs.plan(site), "site")).toMatchObject({
      action: "run",
      because: "2 tasks would change something on one",
      text: expect.stringContaining("one: a line\n@@ -0,0 +1 @@\n+port 80"),
    })
    expect(existsSync(path)).toBe(false)
    expect(errorsOf(await runs.apply(site))).toEqual([])
    expect(readFileSync(path, "utf8")).toBe("port 80\n")
    expect(JSON.parse(readFileSync(join(folder, "told"), "utf8"))).toEqual({
      one: { ok: 3, changed: 2, failed: 0, unreachable: 0, skipped: 0 },
    })
    expect(actionOf(await runs.plan(site), "site")).toBe("none")
    const left = await runs.apply(program("site", {}, () => {}))
    expect(outcomesOf(left)).toContain("done forget ansible.playbook[site]")
    expect(existsSync(path)).toBe(true)
  })

  test("that fails says which task failed where, and keeps secrets to itself", async () => {
    const folder = testFolder()
    const playbook = play(folder, [
      { name: "keep it", copy: { dest: join(folder, "key"), content: "{{ key }}" } },
      { name: "give up", fail: { msg: "no luck with {{ key }}" } },
    ])
    const site = program("site", {}, () => {
      resource(ansible.playbook, "site", {
        playbook,
        inventory,
        extraVars: { ...extraVars, key: secret.env("KEY") },
        core,
      })
    })
    const runs = runsIn(folder, { env: { KEY: CANARY } })
    const planned = await runs.plan(site)
    expect(changeOf(planned, "site")?.because).toContain("its variables hold a secret, which a plan may not open")
    const applied = await runs.apply(site)
    expect(errorsOf(applied)).toEqual([
      expect.stringMatching(/^PLAYBOOK_FAILED: one failed at "give up": no luck with \[secret/),
    ])
    expect(readFileSync(join(folder, "key"), "utf8")).toBe(CANARY)
    expect(JSON.stringify([planned, applied])).not.toContain(CANARY)
    expect(readdirSync("/dev/shm").filter((name) => name.startsWith("fettle-play-"))).toEqual([])
  })

  test.each<[string, object, RegExp]>([
    ["no such file", { playbook: "/no/such.yml" }, /the playbook \/no\/such\.yml cannot be read/],
    ["no ansible-core", { core: "/no/venv" }, /\/no\/venv has no ansible-core/],
  ])("refuses in the plan: %s", async (_what, props, words) => {
    const folder = testFolder()
    const given = { playbook: play(folder, []), inventory, core, ...props }
    const planned = await runsIn(folder).plan(program("site", {}, () => void resource(ansible.playbook, "site", given)))
    expect(changeOf(planned, "site")?.error?.fact).toMatch(words)
  })
})
