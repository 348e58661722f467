// Question 4: what a range installs today, what a lockfile installs, and what a hash refuses. Nothing leaves this machine.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { apply, on, plan, program, resource } from "fettle"
import * as host from "fettle/host"
import { folder, proven, say, setupOf, start, tell } from "../story.ts"
import { Registry } from "./registry.ts"

const registry = await Registry.start(folder)
try {
  await registry.publish("1.0.0", 'module.exports = () => "hello"')
  await registry.publish("1.1.0", 'module.exports = () => "HELLO"')

  say('1. package.json says "greeter": "^1.0.0", and no lockfile stands beside it.')
  const loose = project("loose")
  await start(["npm", "install", "--prefix", loose, "--silent"])
  tell(`it was written with 1.0.0; today npm installs ${installed(loose)}`)
  proven("a range is another program on another day", installed(loose) === "1.1.0")

  say("2. Two projects on one machine, each with its own lockfile, by host.nodeProject.")
  const old = project("old", "1.0.0")
  const fresh = project("fresh", "1.1.0")
  const both = program("apps", {}, () => {
    on(host.local(), () => {
      resource(host.nodeProject, { path: old })
      resource(host.nodeProject, { path: fresh })
    })
  })
  const first = await apply(setupOf(both), {}, async () => true)
  tell(`old has ${installed(old)}, fresh has ${installed(fresh)}`)
  proven("each has what its lockfile names", `${installed(old)} ${installed(fresh)}` === "1.0.0 1.1.0", first.error)
  proven("a second look finds nothing to change", (await plan(setupOf(both))).outcome === "unchanged")

  say("3. The registry now gives other bytes under the same version.")
  await registry.tamper("1.0.0", 'module.exports = () => require("child_process") && "stolen"')
  const victim = project("victim", "1.0.0")
  const third = program("victim", {}, () => {
    resource(host.nodeProject, { path: victim }, { on: host.local() })
  })
  const refused = await apply(setupOf(third), {}, async () => true)
  const why = String(refused.applied?.outcomes[0]?.error?.fact)
  tell(/\S*EINTEGRITY/.exec(why)?.[0] ?? why)
  proven("the version fits, the hash does not: refused", refused.outcome === "failed" && why.includes("EINTEGRITY"))
  proven("and nothing of it was installed", installed(victim) === "nothing")
} finally {
  await registry.close()
}

/** A project that wants any greeter 1.x; with `locked` its lockfile names one version, its address and its hash. */
function project(name: string, locked?: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  const wants = { name, version: "1.0.0", dependencies: { greeter: "^1.0.0" } }
  writeFileSync(join(path, "package.json"), JSON.stringify(wants))
  // A cache of its own: what another project has fetched must not stand in for the registry.
  const settings = [
    `registry=${registry.url}`,
    `cache=${path}/.npm`,
    "audit=false",
    "fund=false",
    "update-notifier=false",
    "fetch-retries=0",
  ]
  writeFileSync(join(path, ".npmrc"), `${settings.join("\n")}\n`)
  if (locked === undefined) return path
  const greeter = { version: locked, resolved: registry.address(locked), integrity: registry.integrity(locked) }
  const packages = { "": wants, "node_modules/greeter": greeter }
  const lock = { name, version: "1.0.0", lockfileVersion: 3, requires: true, packages }
  writeFileSync(join(path, "package-lock.json"), JSON.stringify(lock))
  return path
}

function installed(path: string): string {
  try {
    return JSON.parse(readFileSync(join(path, "node_modules/greeter/package.json"), "utf8")).version
  } catch {
    return "nothing"
  }
}
