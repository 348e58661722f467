// Question 12: a module of one's own for Ansible: check mode, idempotency, a difference, and a failure in words. Run by Fettle.
// It needs ansible-core: in PATH, for python3, or in a venv that ANSIBLE_VENV names.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fettleFor, folder, needs, proven, say } from "../story.ts"

const core = process.env.ANSIBLE_VENV ?? "python3"
const python = core === "python3" ? core : join(core, "bin/python")
const install = "python3 -m venv .ansible && .ansible/bin/pip install ansible-core, then ANSIBLE_VENV=$PWD/.ansible"
needs("ansible-core", install, spawnSync(python, ["-c", "import ansible.release"]).status === 0)

const flags = join(folder, "flags.json")
const env = { ANSIBLE_LIBRARY: join(import.meta.dirname, "library") }
const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder, core })

say("1. The plan: the module is asked in check mode, and changes nothing.")
writeFileSync(flags, '{ "dark-mode": true }\n')
const planned = await fettle("plan", env)
proven("it says what it would do, line by line", /\+.*new-checkout/.test(planned.text))
proven("and the file is as it was", !readFileSync(flags, "utf8").includes("new-checkout"))

say("2. Applied, and looked at again: the module says that nothing is left to change.")
const applied = await fettle("apply --yes", env)
const { ino } = statSync(flags)
const again = await fettle("plan --check", env)
proven(
  "the flag is there, beside the one that was",
  applied.code === 0 && /dark-mode[\s\S]*new-checkout/.test(readFileSync(flags, "utf8")),
)
proven("idempotent: not even the file was written anew", again.code === 0 && statSync(flags).ino === ino)

say("3. A broken file is a failure in words, and not a stack trace.")
writeFileSync(flags, "{ broken")
const failed = await fettle("apply --yes", env)
proven("it says which file, and why", failed.code === 1 && /flags\.json is not JSON/.test(failed.text))
proven("what was there is still there", existsSync(flags) && readFileSync(flags, "utf8") === "{ broken")
