import { execFileSync } from "node:child_process"
import { expect, test } from "vitest"
import { need } from "../support/need.ts"
import { place } from "./fettle.ts"

/** What a shell offers for what stands before the cursor. */
const ASKED: Readonly<Record<string, (script: string, line: string) => readonly [string, readonly string[]]>> = {
  bash: (script, line) => [
    "bash",
    [
      "-c",
      `source '${script}'; COMP_WORDS=(${line.replace(/ $/, " ''")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _fettle; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
  ],
  fish: (script, line) => ["fish", ["--no-config", "-c", `source '${script}'; complete -C '${line}' | cut -f1`]],
}

test.for(Object.keys(ASKED))("%s completes commands, commands of commands, and options", async (shell, { skip }) => {
  if (!need(shell, { install: `apt-get install ${shell}` })) skip()
  const user = place()
  const { stdout, code } = await user.fettle(["completion", shell])
  expect(code).toBe(0)
  user.write("script", stdout)
  const offered = (line: string): readonly string[] => {
    const [command, args] = (ASKED[shell] as (typeof ASKED)[string])(user.path("script"), line)
    return execFileSync(command, args, { encoding: "utf8" }).split("\n").filter(Boolean).sort()
  }
  expect(offered("fettle pl")).toEqual(["plan"])
  expect(offered("fettle ")).toEqual(expect.arrayContaining(["apply", "plan", "state", "verify"]))
  expect(offered("fettle state m")).toEqual(["migrate", "mv"])
  expect(offered("fettle plan --unt")).toEqual(["--untrusted"])
  expect(offered("fettle plan --sta")).toEqual(["--stage", "--state"])
  expect(offered("fettle --stage prod apply --det")).toEqual(["--detach"])
})

test("what zsh gets is a script that zsh reads; another shell is told which there are", async ({ skip }) => {
  const user = place()
  const other = await user.fettle(["completion", "tcsh"])
  expect(other).toMatchObject({ code: 1, text: expect.stringContaining("bash, zsh, fish") })
  const { stdout } = await user.fettle(["completion", "zsh"])
  if (!need("zsh", { install: "apt-get install zsh" })) skip()
  user.write("script", stdout)
  const loaded = `autoload -Uz compinit; compinit -D; source '${user.path("script")}'; print -- $_comps[fettle]`
  expect(execFileSync("zsh", ["-f", "-c", loaded], { encoding: "utf8" }).trim()).toBe("_fettle")
})
