import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test } from "vitest"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

/** One fenced block: a file to write, commands to type, or what they print. */
interface Block {
  readonly language: string
  readonly file: string | undefined
  readonly text: string
}

test("a kind is added by following CONTRIBUTING.md to the letter", { timeout: 300_000 }, () => {
  const folder = projectFolder()
  let printed = ""
  for (const { language, file, text } of blocks()) {
    if (file !== undefined) writeFileSync(join(folder, file), text)
    else if (language === "text") for (const line of text.trimEnd().split("\n")) expect(printed).toContain(line)
    else if (text.startsWith("npm install ")) install(folder, text.trim().split(" ").slice(2))
    else printed = typed(folder, text)
  }
})

test("its steps are whole: files, an install, commands, and what they print", () => {
  const files = blocks().flatMap(({ file }) => file ?? [])
  expect(files).toEqual(["package.json", "tsconfig.json", "flag.ts", "server.ts", "flag.test.ts", "fettle.ts"])
  expect(blocks().filter(({ language }) => language === "sh")).toHaveLength(3)
  expect(blocks().filter(({ language }) => language === "text")).toHaveLength(2)
})

/** The blocks below the heading, in their order. */
function blocks(): readonly Block[] {
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8")
  const steps = page.slice(page.indexOf("## Add a kind in 20 minutes"))
  return [...steps.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language = "", file, text = ""]) => ({
    language,
    file,
    text,
  }))
}

/** Below the repository, so that nothing of it has to be copied; with a home of its own. */
function projectFolder(): string {
  mkdirSync(join(ROOT, ".vitest"), { recursive: true })
  const folder = mkdtempSync(join(ROOT, ".vitest", "add-a-kind-"))
  onTestFinished(({ task }) => {
    if (task.result?.state !== "fail") rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** What `npm install` does, without a registry: links the packages, and what they have in `bin`. */
function install(folder: string, names: readonly string[]): void {
  const modules = join(folder, "node_modules")
  mkdirSync(join(modules, ".bin"), { recursive: true })
  for (const name of names) {
    const from = name === "fettle" ? ROOT : join(ROOT, "node_modules", name)
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(from, join(modules, name))
    const { bin = {} } = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as {
      bin?: Record<string, string>
    }
    for (const [command, file] of Object.entries(bin)) symlinkSync(join(from, file), join(modules, ".bin", command))
  }
}

/** Types commands in a shell, one after the other, and gives all that they print. */
function typed(folder: string, commands: string): string {
  const path = `${dirname(process.execPath)}:${process.env.PATH}`
  const env = { PATH: path, HOME: folder, NO_COLOR: "1", CI: "true", npm_config_update_notifier: "false" }
  const { status, stdout, stderr } = spawnSync("bash", ["-e", "-c", commands], { cwd: folder, env, encoding: "utf8" })
  expect(status, `${commands}\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}
