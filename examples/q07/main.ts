// Question 7: CI judges a commit and makes one artifact; delivery brings that artifact, unchanged, from stage to stage.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fettleFor, folder, proven, say, tell } from "../story.ts"
import { integrate } from "./ci.ts"

const program = join(import.meta.dirname, "fettle.ts")
const source = join(folder, "source")
const artifacts = join(folder, "artifacts")
const planFile = join(folder, "plan.json")
const on = (stage: string): string => readFileSync(join(folder, stage, "greet.mjs"), "utf8")
const saved = fettleFor(program)

say("1. CI: the tests of a commit pass, so there is an artifact.")
commit("Hello")
const first = (await integrate(source, artifacts)) ?? ""
tell(basename(first))
proven("it was made", first !== "")

say("2. Delivery: the artifact goes to test, and the very same to prod, by a plan that was looked at before.")
const deliver = fettleFor(program, { home: folder, artifact: first })
await deliver("apply --yes --stage test")
await deliver(`plan --stage prod --out ${planFile}`)
const applied = await saved(`apply --yes ${planFile}`)
proven("both stages run the same bytes", applied.code === 0 && on("test") === on("prod"))

say("3. CI: the next commit breaks a test.")
commit("Hello", "nobody")
proven("no artifact, so there is nothing to deliver", (await integrate(source, artifacts)) === undefined)
proven("prod runs what it ran", on("prod") === readFileSync(first, "utf8"))

say("4. Delivery: between plan and apply somebody changes prod by hand.")
commit("Welcome")
const second = (await integrate(source, artifacts)) ?? ""
await fettleFor(program, { home: folder, artifact: second })(`plan --stage prod --out ${planFile}`)
writeFileSync(join(folder, "prod/greet.mjs"), "console.log('hotfix for', process.argv[2])\n")
const stale = await saved(`apply --yes ${planFile}`)
proven("the plan is refused: it is not what was looked at", stale.code === 1 && stale.text.includes("PLAN_STALE"))
proven("the hotfix was not trampled on", on("prod").includes("hotfix"))

function commit(greeting: string, name = "${name}"): void {
  mkdirSync(source, { recursive: true })
  const code = `export const greet = (name) => \`${greeting}, ${name}!\`\nif (process.argv[2]) console.log(greet(process.argv[2]))\n`
  writeFileSync(join(source, "greet.mjs"), code)
  const test = `import assert from "node:assert"\nimport { test } from "node:test"\nimport { greet } from "./greet.mjs"\n\ntest("greets by name", () => assert.match(greet("Ann"), /Ann/))\n`
  writeFileSync(join(source, "greet.test.mjs"), test)
}
