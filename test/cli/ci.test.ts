import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs"
import { delimiter } from "node:path"
import { expect, test } from "vitest"
import { parse } from "yaml"
import { need } from "../support/need.ts"
import { main, type Place, place } from "./fettle.ts"

const hasWall = need("bwrap", { install: "apt-get install bubblewrap" })

const PROGRAM = `
import { program, resource } from "fettle"
import * as host from "fettle/host"
console.log(JSON.stringify(process.env))
export default program("shop", { motd: "hello" }, ({ motd }) => {
  resource(host.file, "motd", { path: \`\${import.meta.dirname}/motd.txt\`, content: motd }, { on: host.local() })
})
`

/** Commands that a runner has and this machine has not, or that would go out: fettle itself is the one that is built here. */
const SHIMS: Readonly<Record<string, string>> = {
  fettle: `exec "$NODE" ${main} "$@"`,
  npx: `shift; exec "$NODE" ${main} "$@"`,
  npm: `printf '%s: %s\\n' "$PWD" "$*" >> "$GITHUB_WORKSPACE/npm.log"`,
  sudo: "exit 0",
  gh: `printf '%s\\n' "$*" >> "$GITHUB_WORKSPACE/gh.log"; case "$*" in *--edit-last*) exit 1;; esac; while [ $# -gt 0 ]; do [ "$1" = --body-file ] && cat "$2" > "$GITHUB_WORKSPACE/comment.md"; shift; done`,
}

/** A clone on a runner: its commands, its secrets. */
function runner(): Place & { run(script: string): { readonly status: number | null; readonly text: string } } {
  const user = place()
  user.write("fettle.ts", PROGRAM)
  mkdirSync(user.path("shims"))
  for (const [name, script] of Object.entries(SHIMS)) {
    writeFileSync(user.path(`shims/${name}`), `#!/bin/sh\n${script}\n`)
    chmodSync(user.path(`shims/${name}`), 0o755)
  }
  const env = {
    PATH: [user.path("shims"), process.env.PATH].join(delimiter),
    NODE: process.execPath,
    HOME: user.path("home"),
    FETTLE_STATE_KEY: Buffer.alloc(32, 9).toString("base64"),
    FETTLE: "fettle@1",
    GH_TOKEN: "CANARY",
    NUMBER: "7",
    GITHUB_REPOSITORY: "shop/shop",
    GITHUB_WORKSPACE: user.folder,
    GITHUB_STEP_SUMMARY: user.path("summary.md"),
  }
  const run = (script: string): { readonly status: number | null; readonly text: string } => {
    const { status, stdout, stderr } = spawnSync("bash", ["-eo", "pipefail", "-c", script], {
      cwd: user.folder,
      env,
      encoding: "utf8",
    })
    return { status, text: stdout + stderr }
  }
  return { ...user, run }
}

/** The pull request, beside the clone as the workflow has it. */
function propose(user: Place, change: (program: string) => string): void {
  mkdirSync(user.path("proposed"), { recursive: true })
  cpSync(user.path("node_modules"), user.path("proposed/node_modules"), { recursive: true, verbatimSymlinks: true })
  writeFileSync(user.path("proposed/package.json"), user.read("package.json"))
  writeFileSync(user.path("proposed/fettle.ts"), change(PROGRAM))
  writeFileSync(user.path("proposed/.npmrc"), "git=./evil.sh\n") // npm would run it for a dependency from git
  writeFileSync(user.path("proposed/node_modules/evil.js"), "")
}

interface GithubJob {
  readonly permissions: Readonly<Record<string, string>>
  readonly environment?: string
  readonly needs?: string
  readonly steps: readonly {
    readonly name?: string
    readonly run?: string
    readonly env?: Readonly<Record<string, string>>
  }[]
}

test.skipIf(!hasWall)(
  "fettle init --ci github: a pull request is told, what is merged is applied as planned, drift is found",
  async () => {
    const user = runner()
    expect(await user.fettle(["init", "--ci", "github"])).toMatchObject({ code: 0 })
    expect(await user.fettle(["init", "--ci", "github"])).toMatchObject({
      code: 1,
      text: expect.stringContaining("FILE_REFUSED"),
    })
    const workflow = parse(user.read(".github/workflows/fettle.yml")) as {
      permissions: object
      jobs: Record<string, GithubJob>
    }
    const {
      propose: told,
      plan,
      apply,
      drift,
    } = workflow.jobs as Record<"propose" | "plan" | "apply" | "drift", GithubJob>
    const doJob = (job: GithubJob) =>
      user.run(
        job.steps
          .flatMap(({ run }) => run ?? [])
          .map((each) => `(${each})`)
          .join("\n"),
      )

    // Nothing that a pull request can reach has a secret or may log in.
    expect(workflow.permissions).toEqual({})
    expect(told.permissions).toEqual({ contents: "read", "pull-requests": "write" })
    const [asks, ...others] = told.steps.toSorted((one) => (one.name === "propose" ? -1 : 1))
    expect(asks?.run).toMatch(/^fettle plan --untrusted .* --program shop /)
    expect(JSON.stringify(others)).not.toContain("secrets.")
    expect(JSON.stringify(told)).not.toContain("id-token")
    expect([apply.needs, apply.environment]).toEqual(["plan", "production"])

    expect(doJob(plan)).toMatchObject({ status: 0 })
    expect(user.read("summary.md")).toContain("1 to create")
    expect(user.has("motd.txt")).toBe(false)
    expect(doJob(apply)).toMatchObject({ status: 0 })
    expect(user.read("motd.txt")).toBe("hello")
    expect(doJob(drift)).toMatchObject({ status: 0 })

    propose(user, (text) =>
      text.replace('motd: "hello"', 'motd: "</code><script>alert(1)</script>| ](javascript:x) @everyone\\r\\n#"'),
    )
    const comment = doJob(told)
    expect(comment).toMatchObject({ status: 0 })
    const body = user.read("comment.md")
    expect(body).toMatch(/^<!-- fettle plan shop dev -->\n\n### shop/)
    expect(body).toContain("1 to create") // its state is none: the clone of a pull request has no .fettle
    expect(body).not.toMatch(/<script|\]\(|@everyone|CANARY|\r/)
    expect(comment.text).not.toContain("CANARY")
    // npm obeys what lies where it runs, and whose packages are installed decides what runs beside the secrets.
    expect(user.read("npm.log")).toContain(`${user.folder}: ci --ignore-scripts`)
    expect(user.read("npm.log")).not.toContain("proposed")
    expect(user.has("proposed/node_modules/evil.js")).toBe(false)

    user.write("motd.txt", "somebody was here")
    expect(doJob(drift)).toMatchObject({ status: 2 })
  },
)

test("fettle init --ci gitlab: the same", async () => {
  const user = runner()
  expect(await user.fettle(["init", "--ci", "gitlab"])).toMatchObject({ code: 0 })
  const jobs = parse(user.read(".gitlab-ci.yml")) as Record<string, { script: readonly string[]; environment?: string }>
  const doJob = (name: string) => user.run(jobs[name]?.script.join("\n") ?? "exit 99")
  expect(doJob("propose")).toMatchObject({ status: 0 })
  expect(user.read("plan.md")).toContain("1 to create")
  expect(doJob("plan")).toMatchObject({ status: 0 })
  expect(doJob("apply")).toMatchObject({ status: 0 })
  expect(jobs.apply?.environment).toBe("production")
  expect(user.read("motd.txt")).toBe("hello")
  expect(doJob("drift")).toMatchObject({ status: 0 })
  user.write("motd.txt", "somebody was here")
  expect(doJob("drift")).toMatchObject({ status: 2 })
  expect(await user.fettle(["init", "--ci", "jenkins"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("github and gitlab"),
  })
})
