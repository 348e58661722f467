import { execFileSync } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { request } from "node:http"
import { expect, onTestFinished, test } from "vitest"
import { askingPage, HEADERS } from "../../src/cli/approve-page.ts"
import type { SavedPlan } from "../../src/events/plan.ts"
import { HOSTILE } from "../report/hostile.ts"
import { need } from "../support/need.ts"
import { type Place, place, type Running } from "./fettle.ts"

const PROGRAM = `
import * as host from "fettle/host"
import { program, resource } from "fettle"
export default program("notes", { more: "" }, ({ more }) => {
  const path = \`\${import.meta.dirname}/note.txt\`
  resource(host.file, "<script>alert(1)</script>", { path, content: "hello\\n" + more }, { on: host.local() })
}, { stages: { prod: {} }, approvals: { prod: RULE } })
`

/** A user's folder with a saved plan that wants an approval by ann or ben. */
async function planned(rule: string, env: Readonly<Record<string, string>> = {}): Promise<Place> {
  const user = place()
  user.write("fettle.ts", PROGRAM.replace("RULE", rule))
  user.write("approvers", ["ann", "ben"].map((name) => keyFor(user, name)).join(""))
  await save(user, env)
  return user
}

async function save(user: Place, env: Readonly<Record<string, string>> = {}, ...more: string[]): Promise<void> {
  expect(await user.fettle(["plan", "--stage", "prod", "--out", "plan.json", ...more], { env })).toMatchObject({
    code: 0,
  })
}

function keyFor(user: Place, name: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", user.path(name)])
  const [type, key] = readFileSync(user.path(`${name}.pub`), "utf8").split(" ")
  return `${name}@example.com ${type} ${key}\n`
}

/** Asks by a link, and gives it once it is told. */
async function asked(user: Place, ...args: readonly string[]): Promise<Running & { link: string }> {
  const running = user.start(["approve", "plan.json", "--serve", "--json", ...args])
  onTestFinished(() => void running.child.kill("SIGKILL"))
  let stdout = ""
  running.child.stdout?.on("data", (chunk) => {
    stdout += chunk
  })
  await running.saw("approval.link")
  const { link } = JSON.parse(stdout.split("\n")[0] ?? "") as { link: string }
  return { ...running, link }
}

const approvalsIn = (user: Place): readonly unknown[] => JSON.parse(user.read("plan.json")).approvals

/** What the button of a page sends. */
const formIn = (page: string): URLSearchParams =>
  new URLSearchParams(
    Object.fromEntries(
      [...page.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
    ),
  )

const post = (link: string, body: string | URLSearchParams, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(link, { method: "POST", body, headers })

/** Like a page of somebody else whose name was made to lead here. */
function statusFor(link: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(link, { headers: { host } }, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end()
  })
}

const canSign = need("ssh-keygen", { install: "apt-get install openssh-client" })

test.skipIf(!canSign)(
  "a link shows the plan, approves nothing by being looked at, and takes one yes by its own button",
  async () => {
    const user = await planned('{ from: "approvers" }')
    const { link, ended } = await asked(user, "--key", "ann")
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}$/)
    const page = await (await fetch(link)).text()
    await (await fetch(link)).text()
    await fetch(link, { method: "HEAD" })
    const form = formIn(page)
    expect(page).toContain("1 to create")
    expect(page).toContain("host.file[&lt;script&gt;alert(1)&lt;/script&gt;]")
    expect(page).not.toMatch(/<script|onerror|javascript:/)
    const { hash } = JSON.parse(user.read("plan.json"))
    expect(form.get("plan")).toBe(hash)
    const headers = Object.fromEntries((await fetch(link)).headers)
    expect(headers["content-security-policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'/,
    )
    expect(headers["cache-control"]).toBe("no-store")

    const other = `${link.slice(0, -3)}abc`
    const wrong = new URLSearchParams({ plan: hash, form: "x".repeat(43) })
    const tries: readonly (readonly [string, () => Promise<number | undefined>, number])[] = [
      ["another link", async () => (await fetch(other)).status, 404],
      ["no link", async () => (await fetch(new URL("/", link))).status, 404],
      ["a yes at another link", async () => (await post(other, form)).status, 404],
      ["a yes by looking", async () => (await fetch(`${link}?${form}`)).status, 200],
      ["another verb", async () => (await fetch(link, { method: "PUT", body: form })).status, 405],
      ["a form that was not shown", async () => (await post(link, wrong)).status, 400],
      ["no form", async () => (await post(link, "")).status, 400],
      [
        "another plan",
        async () => (await post(link, new URLSearchParams({ plan: "f00d", form: form.get("form") ?? "" }))).status,
        400,
      ],
      [
        "a form in plain text, as other pages may send it",
        async () => (await post(link, String(form), { "content-type": "text/plain" })).status,
        400,
      ],
      [
        "a form without end",
        async () => (await post(link, new URLSearchParams({ x: "x".repeat(100_000) }))).status,
        400,
      ],
      ["another page's form", async () => (await post(link, form, { origin: "https://evil.example" })).status, 403],
      ["a form of nobody", async () => (await post(link, form, { origin: "null" })).status, 403],
      ["another site", async () => (await post(link, form, { "sec-fetch-site": "cross-site" })).status, 403],
      ["another name for this address", () => statusFor(link, "evil.example"), 404],
    ]
    for (const [what, use, status] of tries) expect(await use(), what).toBe(status)
    expect(approvalsIn(user)).toEqual([])

    const two = await Promise.all([post(link, form), post(link, form)])
    expect(two.map(({ status }) => status).sort()).toEqual([200, 410])
    expect(await ended).toMatchObject({ code: 0, stdout: expect.stringContaining(`"plan":"${hash}"`) })
    await expect(post(link, form), "replayed").rejects.toThrowError()
    expect(approvalsIn(user)).toHaveLength(1)
    expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ code: 0 })
    expect((await user.fettle(["audit", "--stage", "prod"])).stdout).toMatch(/approved by ann@example\.com at \S+Z$/m)
  },
)

test.skipIf(!canSign)(
  "a link for somebody counts where the stage takes links, for that person and that plan alone",
  async () => {
    const user = await planned('{ from: "approvers", byLink: true }', { GITHUB_ACTOR: "ben" })
    const yes = async (name: string): Promise<void> => {
      const { link, ended } = await asked(user, "--for", name)
      expect((await post(link, formIn(await (await fetch(link)).text()))).status).toBe(200)
      expect(await ended).toMatchObject({ code: 0 })
    }
    const refused = async (why: string): Promise<void> => {
      const apply = await user.fettle(["apply", "plan.json"])
      expect(apply).toMatchObject({ code: 1, text: expect.stringContaining("APPROVAL_MISSING") })
      expect(apply.text).toContain(why)
      expect(user.has("note.txt")).toBe(false)
    }
    await yes("eve@example.com")
    await refused("one is by a link for eve@example.com, who is not in approvers")
    await yes("ben@example.com")
    await refused("for ben made the plan and may not approve it")
    const renamed = JSON.parse(user.read("plan.json"))
    renamed.approvals[1].name = "ann@example.com"
    user.write("plan.json", JSON.stringify(renamed))
    await refused("one is by a link for another plan")
    await save(user, { GITHUB_ACTOR: "ben" }, "--param", "more=!")
    await yes("ann@example.com")
    const first = user.read("plan.json")
    await save(user, { GITHUB_ACTOR: "ben" })
    user.write(
      "plan.json",
      JSON.stringify({ ...JSON.parse(user.read("plan.json")), approvals: JSON.parse(first).approvals }),
    )
    await refused("one is by a link for another plan")
    user.write("plan.json", first)
    const program = user.read("fettle.ts")
    user.write("fettle.ts", program.replace(", byLink: true", ""))
    await save(user, { GITHUB_ACTOR: "ben" })
    await yes("ann@example.com")
    await refused("one is by a link, and only signatures count here")
    user.write("fettle.ts", program)
    user.write("plan.json", first)
    expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ code: 0 })
    expect((await user.fettle(["audit", "--stage", "prod"])).stdout).toMatch(
      /approved by ann@example\.com at \S+Z by a link/,
    )
    const foreign = await user.fettle(["approve", "plan.json", "--serve", "--for", "ann@example.com"], {
      env: { FETTLE_STATE_KEY: Buffer.alloc(32, 7).toString("base64") },
    })
    expect(foreign).toMatchObject({ code: 1, text: expect.stringContaining("PLAN_SEAL") })
  },
)

test.skipIf(!canSign)("a link ends by itself, with Ctrl-C, and where the plan is another one by now", async () => {
  const user = await planned('{ from: "approvers" }')
  const short = await asked(user, "--key", "ann", "--expires", "700ms")
  expect(await short.ended).toMatchObject({ code: 1, text: expect.stringContaining("CONSENT_MISSING") })
  await expect(fetch(short.link)).rejects.toThrowError()

  const stopped = await asked(user, "--key", "ann")
  stopped.child.kill("SIGINT")
  expect(await stopped.ended).toMatchObject({ code: 130 })

  const late = await asked(user, "--key", "ann")
  const form = formIn(await (await fetch(late.link)).text())
  await save(user, {}, "--param", "more=!")
  expect((await post(late.link, form)).status).toBe(409)
  expect(await late.ended).toMatchObject({ code: 1, text: expect.stringContaining("PLAN_STALE") })
  expect(approvalsIn(user)).toEqual([])

  await save(user, {}, "--expires", "1ms")
  expect(await user.fettle(["approve", "plan.json", "--serve", "--key", "ann"])).toMatchObject({
    text: expect.stringContaining("PLAN_EXPIRED"),
  })
})

test.skipIf(!canSign)("a link is told to nobody on the way", async () => {
  const user = await planned('{ from: "approvers" }')
  const refused = (...args: string[]) => user.fettle(["approve", "plan.json", "--key", "ann", ...args])
  for (const args of [
    ["--serve", "0.0.0.0:0"],
    ["--serve", "[::]:0"],
    ["--serve", "127.0.0.1:0", "--url", "http://x.example"],
    ["--serve", "127.0.0.1:99999"],
    ["--serve", "127.0.0.1;id"],
    ["--for", "ann"],
    ["--link-to", "x"],
  ])
    expect(await refused(...args), args.join(" ")).toMatchObject({ code: 1, text: expect.stringContaining("USAGE") })
  const running = user.start([
    "approve",
    "plan.json",
    "--key",
    "ann",
    "--serve",
    "--link-to",
    "link",
    "--url",
    "https://approve.example/plans",
  ])
  onTestFinished(() => void running.child.kill("SIGKILL"))
  await running.saw("in link")
  const link = user.read("link").trim()
  expect(link).toMatch(/^https:\/\/approve\.example\/plans\/[\w-]{43}$/)
  expect(statSync(user.path("link")).mode & 0o777).toBe(0o600)
  running.child.kill("SIGTERM")
  const { code, text } = await running.ended
  expect(code).toBe(130)
  expect(text).not.toContain(link.split("/").at(-1))
})

test("hostile text in a plan has no effect in the page", () => {
  const blank = {
    program: "p",
    stage: "s",
    hash: "h",
    saved: { atMs: 0, expiresAtMs: 1, by: "b" },
  } as unknown as SavedPlan
  const page = (plan: SavedPlan, text: string, as: string): string =>
    askingPage({ plan, text, as, until: new Date(0), form: "f" })
  const tagsOf = (html: string): readonly string[] => [...html.matchAll(/<\/?[a-z!]+/gi)].map(([tag]) => tag)
  const ours = tagsOf(page(blank, "t", "a"))
  expect(HOSTILE.length).toBeGreaterThan(50)
  const all = [
    "</pre><script>alert(1)</script>",
    `"><img src=x onerror=alert(1)>`,
    "<!--",
    "</title>",
    "&lt;b&gt;",
    ...HOSTILE,
  ]
  for (const text of all) {
    const evil = { ...blank, program: text, stage: text, hash: text, saved: { ...blank.saved, by: text } } as SavedPlan
    const html = page(evil, text, text)
    expect(tagsOf(html), JSON.stringify(text.slice(0, 80))).toEqual(ours)
    expect(html.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200e\u200f]/u)
  }
  expect(HEADERS["content-security-policy"]).not.toMatch(/unsafe|script-src/)
})
