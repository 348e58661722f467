import { execFileSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Last } from "../../src/provider.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import {
  carrierFor,
  cleanUp,
  type Done,
  failures,
  HostWorld,
  left,
  newFolder,
  node,
  type ShellName,
  shellsHere,
  type TestNode,
} from "./host-world.ts"

afterAll(cleanUp)

const here = need("git", { install: "apt-get install git" })
const ENV = { PATH: process.env.PATH ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" }

function git(folder: string, ...args: readonly string[]): string {
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
  return execFileSync("git", ["-C", folder, ...who, ...args], {
    encoding: "utf8",
    env: ENV,
    stdio: ["ignore", "pipe", "pipe"],
  }).trim()
}

/** A bare repository, and a clone of it to commit in. */
class Repository {
  readonly url: string
  readonly #clone: string

  constructor(folder: string) {
    this.url = join(folder, "bare.git")
    this.#clone = join(folder, "work")
    execFileSync("git", ["-c", "init.defaultBranch=main", "init", "-q", "--bare", this.url], { env: ENV })
    git(folder, "clone", "-q", this.url, this.#clone)
  }

  /** Commits a file and pushes it; gives the commit. */
  commit(name: string, content: string, branch = "main"): string {
    git(this.#clone, "checkout", "-q", "-B", branch)
    writeFileSync(join(this.#clone, name), content)
    git(this.#clone, "add", "-A")
    git(this.#clone, "commit", "-q", "-m", name)
    git(this.#clone, "push", "-q", "origin", branch)
    return git(this.#clone, "rev-parse", "HEAD")
  }

  tag(name: string): void {
    git(this.#clone, "tag", name)
    git(this.#clone, "push", "-q", "origin", name)
  }
}

function carrier(shell: ShellName) {
  const options = carrierFor(shell, "git")
  if (shell !== "busybox") return options
  const applets = options.prefix?.[1]?.replace("PATH=", "") ?? ""
  symlinkSync(execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim(), join(applets, "git"))
  chmodSync(applets, 0o755)
  return options
}

describe.each(here ? shellsHere() : [])("checkouts through %s", (shell) => {
  let world: HostWorld
  let folder: string
  let path: string
  let repository: Repository

  beforeEach(async () => {
    folder = newFolder()
    chmodSync(folder, 0o755)
    path = join(folder, "it's there")
    repository = new Repository(folder)
    world = await HostWorld.open(carrier(shell))
  })

  afterEach(() => world.close())

  const checkout = (props: object = {}): TestNode => node(host.git, "g", { path, repository: repository.url, ...props })
  const again = (one: TestNode, done: ReadonlyMap<string, Done>, props: object = {}): TestNode => ({
    ...checkout(props),
    last: left(one, done).last as Last<unknown, unknown>,
  })
  const head = (): string => git(path, "rev-parse", "HEAD")

  test("a branch is checked out and followed, and the plan says from where to where", async () => {
    const first = repository.commit("a", "1\n")
    const one = checkout({ branch: "main" })
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    expect(done.get("g")?.change).toEqual({ action: "create", text: `+${first}` })
    expect(done.get("g")?.result).toEqual({ outputs: { path, repository: repository.url, commit: first } })
    expect([head(), git(path, "rev-parse", "--abbrev-ref", "HEAD"), git(path, "status", "--porcelain")]).toEqual([
      first,
      "main",
      "",
    ])
    expect((await world.apply([again(one, done, { branch: "main" })])).get("g")?.change).toEqual({ action: "none" })
    const second = repository.commit("b", "2\n")
    const moved = await world.apply([again(one, done, { branch: "main" })])
    expect(failures(moved)).toEqual([])
    expect(moved.get("g")?.change).toEqual({
      action: "update",
      props: ["branch"],
      because: `${first.slice(0, 12)}..${second.slice(0, 12)}`,
    })
    expect([head(), readFileSync(join(path, "b"), "utf8")]).toEqual([second, "2\n"])
  })

  test("a tag, a commit of the past, and the default branch", async () => {
    const first = repository.commit("a", "1\n")
    repository.tag("v1")
    const second = repository.commit("a", "2\n")
    const commits: string[] = []
    let last: Last<unknown, unknown> | undefined
    for (const props of [{}, { tag: "v1" }, { commit: second }, { commit: first }]) {
      const one = { ...checkout(props), ...(last === undefined ? {} : { last }) }
      const done = await world.apply([one])
      expect(failures(done)).toEqual([])
      last = left(one, done).last as Last<unknown, unknown>
      commits.push(head())
      expect((await world.apply([{ ...checkout(props), last }])).get("g")?.change.action).toBe("none")
    }
    expect(commits).toEqual([second, first, second, first])
  })

  test("depth fetches no more, and moves on", async () => {
    repository.commit("a", "1\n")
    repository.commit("a", "2\n")
    const props = { branch: "main", depth: 1, repository: `file://${repository.url}` }
    const done = await world.apply([checkout(props)])
    expect(failures(done)).toEqual([])
    expect(git(path, "rev-list", "--count", "HEAD")).toBe("1")
    const third = repository.commit("a", "3\n")
    expect(failures(await world.apply([again(checkout(props), done, props)]))).toEqual([])
    expect(head()).toBe(third)
  })

  test("local modifications and commits are refused, and thrown away by force", async () => {
    const first = repository.commit("a", "1\n")
    const one = checkout({ branch: "main" })
    const done = await world.apply([one])
    writeFileSync(join(path, "a"), "mine\n")
    const next = again(one, done, { branch: "main" })
    expect((await world.read([next])).get("g")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: `${path} has local modifications:  M a` },
    })
    const forced = again(one, done, { branch: "main", force: true })
    const thrown = await world.apply([forced])
    expect(thrown.get("g")?.change).toMatchObject({ action: "update", because: "local modifications are thrown away" })
    expect([failures(thrown), readFileSync(join(path, "a"), "utf8"), head()]).toEqual([[], "1\n", first])
    writeFileSync(join(path, "mine"), "mine\n")
    git(path, "add", "mine")
    git(path, "commit", "-q", "-m", "mine")
    expect(failures(await world.apply([next])).join()).toMatch(/FILE_REFUSED .* has commits of its own/)
    expect(failures(await world.apply([forced]))).toEqual([])
    expect(head()).toBe(first)
  })

  test("what moved after the plan is stale, in the checkout and in the repository", async () => {
    const first = repository.commit("a", "1\n")
    const one = checkout({ branch: "main" })
    const seen = await world.read([one])
    repository.commit("a", "2\n")
    expect(failures(await world.change([one], seen))).toEqual(["g: STALE the branch has moved since it was planned"])
    const done = await world.apply([one])
    const next = again(one, done, { branch: "main" })
    repository.commit("a", "3\n")
    const before = await world.read([next])
    git(path, "checkout", "-q", "--detach", first)
    expect(failures(await world.change([next], before))).toEqual(["g: STALE it changed after it was read"])
  })

  test("a checkout that was cut off in the middle is finished", async () => {
    repository.commit("a", "1\n")
    const one = checkout({ branch: "main" })
    const done = await world.apply([one])
    const second = repository.commit("a", "2\n")
    writeFileSync(join(path, ".git/fettle-unfinished"), `${second}\n`)
    writeFileSync(join(path, ".git/index.lock"), "")
    writeFileSync(join(path, "a"), "half")
    expect(failures(await world.apply([again(one, done, { branch: "main" })]))).toEqual([])
    expect([head(), readFileSync(join(path, "a"), "utf8"), existsSync(join(path, ".git/index.lock"))]).toEqual([
      second,
      "2\n",
      false,
    ])
  })

  test("it is removed where nothing in it is its own", async () => {
    repository.commit("a", "1\n")
    const one = checkout()
    const done = await world.apply([one])
    writeFileSync(join(path, "mine"), "")
    expect(failures(await world.apply([left(one, done)])).join()).toMatch(
      /holds what is not in the repository: \?\? mine/,
    )
    rmSync(join(path, "mine"))
    const seen = await world.read([left(one, done)])
    expect(failures(await world.change([left(one, done)], seen))).toEqual([])
    expect(failures(await world.change([left(one, done)], seen))).toEqual([])
    expect(existsSync(path)).toBe(false)
  })

  test("as another user, to whom it belongs", async () => {
    repository.commit("a", "1\n")
    execFileSync("chown", ["-R", "nobody", repository.url])
    const one = checkout({ user: "nobody" })
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    expect(statSync(join(path, "a")).uid).toBe(statSync(path).uid)
    expect(statSync(path).uid).not.toBe(0)
    expect((await world.apply([again(one, done, { user: "nobody" })])).get("g")?.change.action).toBe("none")
  })

  test.each([
    ["there is no such repository", { repository: "/no/such.git" }, /\/no\/such\.git/],
    ["there is no such branch", { branch: "nowhere" }, /nowhere/],
    ["there is no such commit", { commit: "1".repeat(40) }, /FILE_REFUSED the repository has no commit 1{40}/],
    ["another user finds none", { user: "nobody", repository: "/no/such.git" }, /\/no\/such\.git/],
    ["its parent is missing", { path: "/no/such/folder" }, /mkdir: .*\/no\/such\/folder/],
  ])("%s: it says so, and leaves no folder", async (_what, props, words) => {
    repository.commit("a", "1\n")
    expect(failures(await world.apply([checkout(props)])).join()).toMatch(words)
    expect(existsSync(path)).toBe(false)
  })

  test("a folder that holds something else is refused; without git the read says so", async () => {
    repository.commit("a", "1\n")
    mkdirSync(path)
    writeFileSync(join(path, "x"), "")
    expect((await world.read([checkout()])).get("g")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: `${path}: ${path} holds something, and is no checkout` },
    })
  })
})

test.skipIf(!here)(
  "a token is given over HTTP, and stands in no argument list, environment or file that stays",
  async () => {
    const folder = newFolder()
    const repository = new Repository(folder)
    const commit = repository.commit("a", "1\n")
    execFileSync("git", ["-C", repository.url, "update-server-info"], { env: ENV })
    const wanted = `Basic ${Buffer.from("me:swordfish-1").toString("base64")}`
    const told: string[] = []
    const server = createServer((request, response) => {
      told.push(
        execFileSync("sh", ["-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || :"], {
          encoding: "latin1",
        }),
      )
      const file = join(repository.url, (request.url ?? "").replace(/^\/r|\?.*$/g, ""))
      if (request.headers.authorization !== wanted)
        response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end()
      else if (!existsSync(file)) response.writeHead(404).end()
      else response.end(readFileSync(file))
    })
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    const { port } = server.address() as { port: number }
    const world = await HostWorld.open(carrier("dash"))
    try {
      const path = join(folder, "there")
      const props = { path, repository: `http://127.0.0.1:${port}/r`, commit, username: "me" }
      const done = await world.apply([node(host.git, "g", { ...props, token: world.secret("TOKEN", "swordfish-1") })])
      expect(failures(done)).toEqual([])
      expect(readFileSync(join(path, "a"), "utf8")).toBe("1\n")
      expect(told.length).toBeGreaterThan(2)
      expect(told.join("")).not.toContain("swordfish-1")
      expect(readFileSync(join(path, ".git/config"), "utf8")).not.toContain("swordfish")
      rmSync(path, { recursive: true })
      writeFileSync(join(folder, "token"), "swordfish-1\n", { mode: 0o600 })
      expect(
        failures(await world.apply([node(host.git, "g", { ...props, tokenFile: join(folder, "token") })])),
      ).toEqual([])
    } finally {
      await world.close()
      server.close()
    }
  },
)

describe.skipIf(!here)("host.git", () => {
  const folder = newFolder()
  const repository = here ? new Repository(folder) : undefined
  const [one, two] = [repository?.commit("a", "1\n"), repository?.commit("a", "2\n")] as const
  const there = newFolder()
  conformsTests(
    host.git,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(there, `g${variant}`), repository: repository?.url ?? "", commit: one }),
      change: (props) => ({ ...props, commit: two }),
      count: () => readdirSync(there).length,
      foreign: ({ path }) =>
        execFileSync("git", ["clone", "-q", repository?.url ?? "", path], { env: ENV, stdio: "ignore" }),
      refused: (variant) => ({ path: join(there, "no/such", `g${variant}`), repository: repository?.url ?? "" }),
    },
    { test },
  )
})
