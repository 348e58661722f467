import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"
import { dataOf } from "../report/page-content.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

mkdirSync(join(ROOT, ".vitest"), { recursive: true })
/** Inside the repository, so that `fettle` resolves as it does for a user. */
const folder = mkdtempSync(join(ROOT, ".vitest", "reports-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function fettle(...args: readonly string[]) {
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: join(folder, "config") }
  const words = [join(ROOT, "dist/cli/main.js"), ...args, "--param", `folder=${join(folder, "shelf")}`]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { env, cwd: folder, encoding: "utf8" })
  return { status, stdout, text: stdout + stderr }
}

function headlineOf(page: string): string {
  return /<h1>(.*?)<\/h1>/s.exec(page)?.[1] ?? ""
}

test("the program of docs/reports.md has the reports that it tells of", { timeout: 60_000 }, () => {
  const docs = readFileSync(join(ROOT, "docs/reports.md"), "utf8")
  writeFileSync(join(folder, "fettle.ts"), /^```ts\n(.*?)^```$/ms.exec(docs)?.[1] ?? "")

  const failed = fettle("apply", "--yes", "--param", "label=maps", "--report", "shelf.html")
  expect(failed.status, failed.text).toBe(1)
  const page = readFileSync(join(folder, "shelf.html"), "utf8")
  expect(headlineOf(page)).toMatch(/^fettle\.task\[print\] failed: /)
  const { nodes } = dataOf(page, "data") as { nodes: readonly { address: string; state: string; needs?: number[] }[] }
  expect(nodes.map(({ address, state, needs }) => [address, state, needs])).toEqual([
    ["host.directory[shelf]", "done", undefined],
    ["host.file[card]", "done", [0]],
    ["fettle.check[written]", "yes", [1]],
    ["fettle.task[print]", "failed", [1]],
  ])
  expect(page).toMatch(/<dt>node<\/dt><dd class="mono">\d+\./)

  // What was kept of the run makes the same page.
  expect(fettle("report", "last")).toMatchObject({
    status: 0,
    text: expect.stringMatching(/^The report is in fettle-[0-9a-f]{8}\.html\n$/),
  })
  const run = /fettle-([0-9a-f]{8})\.html/.exec(fettle("report", "last").text)?.[1] ?? ""
  expect(readFileSync(join(folder, `fettle-${run}.html`), "utf8")).toBe(page)
  expect(fettle("report", run.slice(0, 6), "--out", "-").stdout).toBe(page)

  const done = fettle("apply", "--yes", "--report", "done.html")
  expect(done.status, done.text).toBe(0)
  const second = readFileSync(join(folder, "done.html"), "utf8")
  expect(headlineOf(second)).toMatch(/^Done: 1 updated, 1 ran and 1 check said yes\. It took /)
  expect(dataOf(second, "logdata")).toEqual([[3, [[0, "1:books"]]]])

  expect(fettle("report", "nothing")).toMatchObject({ status: 1, text: expect.stringContaining("RUN_NOT_FOUND") })
  const nowhere = fettle("report", "last", "--out", "no/such/folder/run.html")
  expect(nowhere).toMatchObject({ status: 1, text: expect.stringContaining("the report cannot be written to") })
  expect(fettle("apply", "--yes", "--report", "no/such/folder/run.html")).toMatchObject({
    status: 1,
    text: expect.stringContaining("there is no folder"),
  })
  expect(existsSync(join(folder, "no"))).toBe(false)
})

test("a run that was killed has a report, which says so", { timeout: 60_000 }, () => {
  // The log of a run is written a moment later: what is killed before that has told nothing.
  const program = `import { program, task } from "fettle"
export default program("killed", {}, () => void task("end", { run: async () => {
  await new Promise((done) => setTimeout(done, 300))
  process.kill(process.pid, "SIGKILL")
} }))
`
  writeFileSync(join(folder, "killed.ts"), program)
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: join(folder, "config") }
  const run = (...words: readonly string[]) =>
    spawnSync(process.execPath, [join(ROOT, "dist/cli/main.js"), ...words, "--file", "killed.ts"], {
      env,
      cwd: folder,
      encoding: "utf8",
    })
  expect(run("apply", "--yes").signal).toBe("SIGKILL")
  const { status, stdout } = run("report", "last", "--out", "-")
  expect(status).toBe(0)
  expect(headlineOf(stdout)).toMatch(
    /^The run has not told its end: it was cut off, or still goes on; 1 node was under way, first fettle\.task\[end\]\.$/,
  )
})

test("a secret is in no report", { timeout: 60_000 }, () => {
  const program = `import { program, secret, task } from "fettle"
export default program("secretive", {}, () =>
  void task("tell", { run: ["sh", "-c", "echo the token is $TOKEN; echo $TOKEN | base64; exit 3"], env: { TOKEN: secret.env("TOKEN") } }))
`
  writeFileSync(join(folder, "secretive.ts"), program)
  const TOKEN = "correct horse battery staple"
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), TOKEN }
  const words = ["apply", "--yes", "--file", "secretive.ts", "--report", "secretive.html"]
  expect(spawnSync(process.execPath, [join(ROOT, "dist/cli/main.js"), ...words], { env, cwd: folder }).status).toBe(1)
  const page = readFileSync(join(folder, "secretive.html"), "utf8")
  const text = page + JSON.stringify([dataOf(page, "data"), dataOf(page, "logdata")])
  expect(text).toContain("the token is [secret TOKEN]")
  expect(text).not.toContain(TOKEN)
  expect(text).not.toContain(Buffer.from(TOKEN).toString("base64").slice(0, 20))
})
