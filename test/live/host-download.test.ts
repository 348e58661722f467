import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import { carrierFor, cleanUp, failures, HostWorld, left, newFolder, node, type TestNode } from "./host-world.ts"

let server: Server
let url = ""
let asked: IncomingHttpHeaders[] = []
let requests = 0
const bodies = new Map<string, string | Buffer>()

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1
    asked.push(request.headers)
    const body = bodies.get(request.url ?? "")
    if (request.url === "/away") response.writeHead(302, { location: "/a" }).end()
    else if (body === undefined) response.writeHead(404).end("no")
    else response.end(body)
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.close()
  cleanUp()
})

const sha256 = (of: string | Buffer): string => createHash("sha256").update(of).digest("hex")

/** A PATH of busybox's applets, with this tool in place of its own wget. */
function onlyWith(tool: "curl" | "wget" | "busybox"): HostOptions {
  const options = carrierFor("busybox", "download")
  const applets = options.prefix?.[1]?.replace("PATH=", "") ?? ""
  if (tool !== "busybox") {
    rmSync(join(applets, "wget"), { force: true })
    symlinkSync(execFileSync("which", [tool], { encoding: "utf8" }).trim(), join(applets, tool))
  }
  return tool === "busybox" ? options : { ...options, shell: "/bin/dash" } // busybox's own shell prefers its own wget
}
type HostOptions = ReturnType<typeof carrierFor>

const tools = (["curl", "wget", "busybox"] as const).filter((name) =>
  need(name, { install: `apt-get install ${name === "busybox" ? "busybox-static" : name}` }),
)

describe.each(tools)("downloads by %s", (tool) => {
  let world: HostWorld
  let folder: string

  beforeEach(async () => {
    folder = newFolder()
    asked = []
    bodies.clear()
    bodies.set("/a", Buffer.alloc(300_000, "some bytes\0"))
    bodies.set("/a'b$(id)?x=%20&y", "odd")
    world = await HostWorld.open(onlyWith(tool))
  })
  afterEach(() => world.close())

  const file = (props: object): TestNode =>
    node(host.download, "d", {
      path: join(folder, "it's a\nfile"),
      url: `${url}/a`,
      sha256: sha256(bodies.get("/a") as Buffer),
      ...props,
    })
  const clean = (): readonly string[] => readdirSync(folder).filter((name) => name.startsWith(".fettle"))

  test("is fetched once, kept by its hash, and removed", async () => {
    const one = file({ mode: "755" })
    const before = requests
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    const at = join(folder, "it's a\nfile")
    expect([readFileSync(at).equals(bodies.get("/a") as Buffer), statSync(at).mode & 0o777]).toEqual([true, 0o755])
    const again = await world.apply([one, file({ mode: "755", url: `${url}/elsewhere` })].slice(0, 1))
    expect([again.get("d")?.change, requests - before]).toEqual([{ action: "none" }, 1])
    expect((await world.apply([file({})])).get("d")?.change).toMatchObject({ props: ["mode"] })
    expect([statSync(at).mode & 0o777, requests - before]).toEqual([0o644, 1])
    writeFileSync(at, "changed by hand")
    expect((await world.apply([one])).get("d")?.change).toMatchObject({
      props: ["sha256", "mode"],
    })
    expect(readFileSync(at).equals(bodies.get("/a") as Buffer)).toBe(true)
    expect(failures(await world.apply([left(one, done)]))).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test("redirects are followed, odd addresses come whole", async () => {
    expect(failures(await world.apply([file({ url: `${url}/away` })]))).toEqual([])
    expect(
      failures(
        await world.apply([file({ path: join(folder, "odd"), url: `${url}/a'b$(id)?x=%20&y`, sha256: sha256("odd") })]),
      ),
    ).toEqual([])
  })

  test("what is not what was wanted is not put in place", async () => {
    expect(failures(await world.apply([file({ sha256: sha256("other") })]))).toEqual([
      expect.stringContaining(
        `is not what is wanted: 300000 bytes with the SHA-256 ${sha256(bodies.get("/a") as Buffer)}`,
      ),
    ])
    expect(failures(await world.apply([file({ url: `${url}/missing` })]))).toEqual([
      expect.stringMatching(/^d: CHANGE_FAILED http.*missing cannot be fetched: .*404/s),
    ])
    expect([existsSync(join(folder, "it's a\nfile")), clean()]).toEqual([false, []])
    expect(failures(await world.apply([file({ path: join(folder, "no", "x") })]))).toEqual([
      expect.stringContaining("FILE_REFUSED there is no directory"),
    ])
  })

  test("what changed after it was read is not overwritten", async () => {
    const one = file({})
    const seen = await world.read([one])
    writeFileSync(join(folder, "it's a\nfile"), "theirs")
    expect(failures(await world.change([one], seen))).toEqual(["d: STALE it changed after it was read"])
  })

  test("a secret header is in no argument list", async () => {
    const token = world.secret("TOKEN", 'Bearer it\'s "s\\ecret"')
    const done = await world.apply([file({ headers: { Authorization: token, Accept: "x/y" } })])
    if (tool === "busybox") expect(failures(done)).toEqual([expect.stringContaining("HOST_TOOLS the wget of the host")])
    else
      expect([failures(done), asked[0]?.authorization, asked[0]?.accept]).toEqual([
        [],
        'Bearer it\'s "s\\ecret"',
        "x/y",
      ])
    if (tool === "busybox") {
      expect(failures(await world.apply([file({ headers: { "X-One": "it's $(id)" } })]))).toEqual([])
      expect(asked[0]?.["x-one"]).toBe("it's $(id)")
    }
  })

  test.skipIf(process.getuid?.() !== 0)("root does not write where another user could lead it astray", async () => {
    mkdirSync(join(folder, "theirs"))
    execFileSync("chown", ["daemon", join(folder, "theirs")])
    expect(failures(await world.apply([file({ path: join(folder, "theirs", "x") })]))).toEqual([
      expect.stringMatching(/FILE_REFUSED .*theirs belongs to daemon/),
    ])
  })
})

describe("host.download", () => {
  const folder = newFolder()
  conformsTests(
    host.download,
    {
      connection: host.local(),
      props: (variant) => {
        bodies.set(`/c${variant}`, `body ${variant}`)
        return {
          path: join(folder, `c${variant}`),
          url: `${url}/c${variant}`,
          sha256: sha256(`body ${variant}`),
          headers: { Authorization: secret.env("KEY") },
        }
      },
      change: (props) => ({ ...props, mode: "0600" }),
      count: () => readdirSync(folder).length,
      foreign: ({ path }) => writeFileSync(path, "theirs"),
      refused: (variant) => ({ path: join(folder, `r${variant}`), url: `${url}/none`, sha256: sha256("x") }),
      secrets: { KEY: "swordfish-in-a-header" },
    },
    { test },
  )
})
