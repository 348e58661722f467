import { randomUUID } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { textOf } from "../measure.ts"
import { openTofu, peerEnv } from "./install.mjs"

/** Fields of a resource in OpenTofu's state file that differ between two of the same kind. */
interface Entry {
  name: string
  instances: [{ attributes: { id: string }; dependencies?: string[] }]
}

/**
 * The program of bench/fixtures/many for OpenTofu, already applied: every second `terraform_data` uses an output of the one
 * before it. Blocks, not `count`: a plan of blocks took less time. OpenTofu itself makes the first two; the state of N
 * is those repeated, since applying 10,000 takes it many minutes. That its plan finds nothing to change shows the state to be right.
 */
export function tofuMany(folder: string, count: number): void {
  const small = join(folder, "small")
  const run = (...args: string[]): string => textOf([openTofu().binary, ...args], { cwd: small, env: peerEnv })
  write(small, 2)
  run("init", "-no-color")
  run("apply", "-auto-approve", "-no-color")
  write(folder, count)
  const state = JSON.parse(readFileSync(join(small, "terraform.tfstate"), "utf8")) as { resources: Entry[] }
  const made = [0, 1].map((at) => state.resources.find((each) => each.name === `n${at}`) as Entry)
  state.resources = Array.from({ length: count }, (_, at) => {
    const entry = structuredClone(made[at % 2] as Entry)
    entry.name = `n${at}`
    entry.instances[0].attributes.id = randomUUID()
    if (at % 2 === 1) entry.instances[0].dependencies = [`terraform_data.n${at - 1}`]
    return entry
  })
  writeFileSync(join(folder, "terraform.tfstate"), JSON.stringify(state))
  textOf([openTofu().binary, "init", "-no-color"], { cwd: folder, env: peerEnv })
}

function write(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true })
  const pairs = Array.from(
    { length: count / 2 },
    (_, at) => `resource "terraform_data" "n${2 * at}" {
  input = "one"
}

resource "terraform_data" "n${2 * at + 1}" {
  input = "after \${terraform_data.n${2 * at}.output}"
}
`,
  )
  writeFileSync(join(folder, "main.tf"), pairs.join("\n"))
}
