import { chmodSync, readdirSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { place } from "../cli/fettle.ts"
import { need } from "../support/need.ts"
import { testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"

/** No other text on this machine holds one of these. */
const CANARIES = {
  content: "canary-Content-6c1f0e52",
  env: "canary-Env-b0a7d4c9",
  password: "canary-Password-3d9e8f17",
}
/** A secret, and what it may have been turned into on its way. */
const FORMS = Object.values(CANARIES).flatMap((each) => [
  each,
  btoa(each).slice(0, -4),
  Buffer.from(each).toString("hex"),
])
/** The two processes that are to have it, as they stand in /proc. */
const HOLDERS = ["sleep\u000086398.5\u0000", "sleep\u00001.75\u0000"]
const SAMPLE_MS = 10
/** Looked more often than this: a busy machine applies, destroys and applies again until it has. */
const SAMPLES = 50

describe.skipIf(!canStartHosts() || !need("sudo", { install: "apt-get install sudo" }))("secrets on their way", () => {
  afterAll(stopHosts)

  test("are nowhere that somebody else can look while they are applied over ssh", { timeout: 180_000 }, async () => {
    const web = await SshHost.start("canary", {
      users: [{ name: "deploy", password: CANARIES.password }],
      sudoers: ["deploy ALL=(ALL) ALL"],
      setup: ["mkdir -p /var/lib/fettle; mount -t tmpfs tmpfs /var/lib/fettle"],
    })
    const target = testFolder()
    chmodSync(target, 0o755)
    const at = place()
    for (const [name, value] of Object.entries(CANARIES)) {
      at.write(name, value)
      chmodSync(at.path(name), 0o600)
    }
    at.write("fettle.ts", programOf(web, target, at.folder))
    const places = [target, at.path(".fettle"), web.inside("/dev/shm"), web.inside("/var/lib/fettle"), tmpdir()]
    const sampling = new Sampling(places)
    let { code, text } = await at.fettle(["apply", "--yes"])
    while (code === 0 && sampling.samples <= SAMPLES) {
      text += (await at.fettle(["destroy", "--yes"])).text
      const again = await at.fettle(["apply", "--yes"])
      code = again.code
      text += again.text
    }
    const { found, holders } = sampling.stop()
    try {
      expect(code, text).toBe(0)
      expect(readFileSync(join(target, "secret"), "utf8")).toBe(`key=${CANARIES.content}\n`)
      expect(found).toEqual([])
      expect([...holders].sort(), "it would have seen one: those that are to have it were seen").toEqual(
        [...HOLDERS].sort(),
      )
      expect(formsIn(Buffer.from(text)), "what was printed").toEqual([])
      expect(formsIn(Buffer.from(web.log)), "the log of sshd and sudo").toEqual([])
      for (const folder of [at.path(".fettle"), web.inside("/var/lib/fettle"), web.inside("/dev/shm")])
        for (const file of filesIn(folder)) expect(formsIn(readFileSync(file)), file).toEqual([])
      expect(
        filesIn(target)
          .filter((file) => formsIn(readFileSync(file)).length > 0)
          .sort(),
      ).toEqual([join(target, "run/start"), join(target, "secret")])
    } finally {
      await at.fettle(["destroy", "--yes"])
    }
  })
})

function programOf(web: SshHost, target: string, folder: string): string {
  return `import { program, resource, secret, text } from "fettle"
import * as host from "fettle/host"

const [content, env, password] = ["content", "env", "password"].map((name) => secret.file(\`${folder}/\${name}\`))

export default program("site", {}, () => {
  const become = { by: "sudo", password }
  const on = host.ssh("${web.name}", { config: "${web.config}", user: "deploy", become })
  for (let at = 0; at < 100; at += 1)
    resource(host.file, \`f\${at}\`, { path: \`${target}/f\${at}\`, content: \`\${at}\` }, { on })
  const file = resource(host.file, "secret", { path: "${target}/secret", content: text\`key=\${content}\\n\` }, { on })
  const server = { command: ["sleep", "86398.5"], directory: "${target}/run", env: { KEY: env }, restartOn: [file.hash] }
  resource(host.process, "server", server, { on })
  const once = { name: "once", command: ["sleep", "1.75"], env: { KEY: env }, repeatable: true }
  resource(host.command, "once", once, { on, after: [file] })
})
`
}

/** Looks at all that others could see, about a hundred times a second. */
class Sampling {
  readonly #before = new Set(readdirSync("/proc"))
  readonly #timer: NodeJS.Timeout
  readonly #found = new Set<string>()
  readonly #holders = new Set<string>()
  #samples = 0

  constructor(places: readonly string[]) {
    this.#timer = setInterval(() => {
      this.#samples += 1
      this.#lookAtProcesses()
      const folder = places[this.#samples % places.length] as string
      for (const file of openTo(folder, folder === tmpdir() ? 1 : 9))
        for (const form of formsIn(bytesOf(file))) this.#found.add(`${form} in ${file}`)
    }, SAMPLE_MS)
  }

  get samples(): number {
    return this.#samples
  }

  stop(): { found: readonly string[]; holders: ReadonlySet<string> } {
    clearInterval(this.#timer)
    return { found: [...this.#found], holders: this.#holders }
  }

  /** Those that were there before have nothing to do with the run. */
  #lookAtProcesses(): void {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid) || this.#before.has(pid)) continue
      const argv = bytesOf(`/proc/${pid}/cmdline`)
      for (const form of formsIn(argv)) this.#found.add(`${form} in the arguments ${argv.toString()}`)
      for (const form of formsIn(bytesOf(`/proc/${pid}/environ`)))
        if (HOLDERS.includes(argv.toString())) this.#holders.add(argv.toString())
        else this.#found.add(`${form} in the environment of ${argv.toString()}`)
    }
  }
}

function formsIn(bytes: Buffer): readonly string[] {
  return FORMS.filter((form) => bytes.includes(form))
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0) // it has gone meanwhile
  }
}

/** Files that anybody can read, in folders that anybody can enter. */
function openTo(folder: string, depth: number): readonly string[] {
  try {
    if ((statSync(folder).mode & 0o001) === 0) return []
    return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
      const path = join(folder, each.name)
      if (each.isDirectory()) return depth > 1 ? openTo(path, depth - 1) : []
      return each.isFile() && (statSync(path).mode & 0o004) !== 0 ? [path] : []
    })
  } catch {
    return [] // it has gone meanwhile
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((each) =>
    each.isFile() ? [join(each.parentPath, each.name)] : [],
  )
}
