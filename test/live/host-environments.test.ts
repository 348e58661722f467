import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import { carrierFor, cleanUp, failures, HostWorld, left, newFolder, node, type TestNode } from "./host-world.ts"

// An environment takes seconds to make, more on a busy machine, and some rules make several.
vi.setConfig({ testTimeout: 240_000 })

afterAll(cleanUp)

const PYTHON = "/usr/bin/python3"
const hasPython = need("python3 with venv", {
  install: "apt-get install python3-venv",
  found: () => spawnSync(PYTHON, ["-c", "import ensurepip, venv"]).status === 0,
})

let wheels: string
let world: HostWorld
let folder: string

beforeEach(async () => {
  folder = newFolder()
  world = await HostWorld.open(carrierFor("dash", "environments"))
})
afterEach(() => world.close())

/** A package without code, as a wheel; gives its line of requirements. */
function wheel(name: string, version: string): string {
  const file = join(wheels, `${name}-${version}-py3-none-any.whl`)
  if (!existsSync(file)) {
    const info = `${name}-${version}.dist-info`
    const files = {
      [`${name}.py`]: `version = ${JSON.stringify(version)}\n`,
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
      [`${info}/WHEEL`]: "Wheel-Version: 1.0\nGenerator: fettle\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
      [`${info}/RECORD`]: `${name}.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
    }
    const write =
      "import json, sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\nfor n, t in json.load(sys.stdin).items(): z.writestr(n, t)\nz.close()"
    execFileSync(PYTHON, ["-c", write, file], { input: JSON.stringify(files) })
  }
  return `${name}==${version} --hash=sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}`
}

describe.skipIf(!hasPython)("environments of Python", () => {
  beforeAll(() => {
    wheels = newFolder()
  })

  const of = (requirements: string, props: object = {}): TestNode =>
    node(host.pythonEnvironment, "e", {
      path: join(folder, "it's an env"),
      requirements,
      python: PYTHON,
      options: ["--no-index", "--find-links", wheels],
      ...props,
    })
  const versions = (): string =>
    execFileSync(join(folder, "it's an env/bin/python"), ["-m", "pip", "list", "--format=freeze"], { encoding: "utf8" })

  test("is made, brought up, mended and removed", async () => {
    const [one, two, other] = [wheel("fettle_one", "1.0"), wheel("fettle_one", "2.0"), wheel("fettle_other", "1.0")]
    const done = await world.apply([of(`# ours\n${one}\n${other}\n`)])
    expect(failures(done)).toEqual([])
    expect(versions()).toMatch(/fettle.one==1.0\nfettle.other==1.0\n/)
    expect((await world.apply([of(`# ours\n${one}\n${other}\n`)])).get("e")?.change).toEqual({ action: "none" })
    const moved = await world.apply([of(`${two}\n`)])
    expect([failures(moved), moved.get("e")?.change]).toMatchObject([[], { because: "its requirements differ" }])
    expect(versions()).toContain("fettle")
    expect([versions().includes("==2.0"), versions().includes("other")]).toEqual([true, false])
    rmSync(join(folder, "it's an env/bin/python"))
    const mended = await world.apply([of(`${two}\n`)])
    expect([failures(mended), mended.get("e")?.change]).toMatchObject([[], { because: "its interpreter is gone" }])
    expect(versions()).toContain("==2.0")
    expect(failures(await world.apply([left(of(`${two}\n`), mended)]))).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test("a file with another hash is not installed, and a first one that fails leaves nothing", async () => {
    const line = wheel("fettle_one", "1.0").replace(/[0-9a-f]{64}/, "0".repeat(64))
    expect(failures(await world.apply([of(line)]))).toEqual([
      expect.stringMatching(/^e: CHANGE_FAILED pip: .*(HASH|hash)/s),
    ])
    expect(readdirSync(folder)).toEqual([])
    mkdirSync(join(folder, "it's an env"))
    expect(failures(await world.apply([of("")]))).toEqual([expect.stringContaining("is there, and is no environment")])
  })

  test.each(["flask", "flask>=1", "flask==1.*", "flask==1.0"])("%j is refused where it is declared", (line) => {
    expect(() => of(line)).toThrow(/names no version|has no --hash/)
  })
})

const hasNpm = need("npm", { install: "apt-get install npm" })

/** A project whose one package is a local archive: no network. */
function project(at: string, version: string): void {
  mkdirSync(join(at, "pack/package"), { recursive: true })
  writeFileSync(join(at, "pack/package/package.json"), JSON.stringify({ name: "dep", version }))
  execFileSync("tar", ["-czf", join(at, "dep.tgz"), "-C", join(at, "pack"), "package"])
  rmSync(join(at, "pack"), { recursive: true })
  const integrity = `sha512-${createHash("sha512")
    .update(readFileSync(join(at, "dep.tgz")))
    .digest("base64")}`
  const dependencies = { dep: "file:dep.tgz" }
  writeFileSync(join(at, "package.json"), JSON.stringify({ name: "p", version: "1.0.0", dependencies }))
  const packages = {
    "": { name: "p", version: "1.0.0", dependencies },
    "node_modules/dep": { version, resolved: "file:dep.tgz", integrity },
  }
  writeFileSync(
    join(at, "package-lock.json"),
    JSON.stringify({ name: "p", version: "1.0.0", lockfileVersion: 3, packages }),
  )
}

describe.skipIf(!hasNpm)("projects of Node.js", () => {
  const of = (props: object = {}): TestNode => node(host.nodeProject, "p", { path: join(folder, "it's"), ...props })
  const installed = (): string =>
    JSON.parse(readFileSync(join(folder, "it's/node_modules/dep/package.json"), "utf8")).version as string

  test("is installed where its lockfile is another one, and its packages go with it", async () => {
    const at = join(folder, "it's")
    mkdirSync(at)
    expect(failures(await world.apply([of()]))).toEqual([expect.stringContaining("FILE_REFUSED there is no ")])
    project(at, "1.0.0")
    const done = await world.apply([of()])
    expect([failures(done), installed()]).toEqual([[], "1.0.0"])
    expect(statSync(join(at, "node_modules/dep")).mode & 0o777).toBe(0o755)
    const { ino } = statSync(join(at, "node_modules/dep/package.json"))
    expect((await world.apply([of()])).get("p")?.change).toEqual({ action: "none" })
    expect(statSync(join(at, "node_modules/dep/package.json")).ino).toBe(ino)
    project(at, "2.0.0")
    const moved = await world.apply([of()])
    expect([failures(moved), moved.get("p")?.change, installed()]).toMatchObject([[], { action: "update" }, "2.0.0"])
    expect((await world.apply([of({ dev: true })])).get("p")?.change.action).toBe("update")
    const last = await world.apply([of()])
    expect(failures(await world.apply([left(of(), last)]))).toEqual([])
    expect(existsSync(join(at, "node_modules"))).toBe(false)
  })

  test("what npm refuses is told with its words", async () => {
    const at = join(folder, "it's")
    mkdirSync(at)
    project(at, "1.0.0")
    writeFileSync(join(at, "package-lock.json"), "{")
    expect(failures(await world.apply([of()]))).toEqual([expect.stringMatching(/^p: CHANGE_FAILED npm: .*lock/s)])
  })
})

describe.skipIf(!hasNpm)("host.nodeProject", () => {
  const at = newFolder()
  conformsTests(
    host.nodeProject,
    {
      connection: host.local(),
      props: (variant) => {
        const path = join(at, `n${variant}`)
        if (variant < 1_000 && !existsSync(path)) {
          mkdirSync(path)
          project(path, "1.0.0")
        }
        return { path }
      },
      change: (props) => ({ ...props, scripts: false }),
      count: () => readdirSync(at).filter((name) => existsSync(join(at, name, "node_modules/dep"))).length,
      refused: (variant) => ({ path: join(at, `none${variant}`) }),
    },
    { test },
  )
})
