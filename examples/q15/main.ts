// Question 15: tests write reports, a gate reads one, and what does not pass is not delivered.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fettleFor, folder, proven, say, tell } from "../story.ts"

const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder })
const source = join(folder, "source")
const delivered = join(folder, "price.mjs")
mkdirSync(source)
mkdirSync(join(folder, "reports"))

const CODE = `export function gross(net) {
  return Math.round(net * 1.2)
}

export function discount(net, code) {
  if (code === "HALF") return net / 2
  if (code === "FREE") return 0
  return net
}
`
const GROSS = `test("gross", () => assert.equal(gross(100), 120))\n`
const DISCOUNT = `test("discount", () => {
  assert.equal(discount(10, "HALF"), 5)
  assert.equal(discount(10, "FREE"), 0)
  assert.equal(discount(10), 10)
})\n`

say("1. All tests pass, and half of the code has none.")
write(CODE, GROSS)
const thin = await fettle("apply --yes")
proven("the gate says no: exit code 3", thin.code === 3)
proven("nothing was delivered", !existsSync(delivered))

say("2. The missing test is written.")
write(CODE, GROSS + DISCOUNT)
const full = await fettle(`apply --yes --junit ${folder}/fettle.xml`)
tell(cases("reports/junit.xml"))
proven("it is delivered", full.code === 0 && readFileSync(delivered, "utf8") === CODE)
proven("a report for people's tools names each test", /testcase name="discount"/.test(read("reports/junit.xml")))
proven("and one of the run names the gate", read("fettle.xml").includes("coverage"))

say("3. Nothing has changed, so nothing is run again.")
const same = await fettle("plan --check")
proven("the tests are not due", same.code === 0)

say("4. A change breaks the code. Its coverage is still full.")
write(CODE.replace("1.2", "1.19"), GROSS + DISCOUNT)
const broken = await fettle("apply --yes")
proven("the tests fail: exit code 1", broken.code === 1 && /gross/.test(broken.text))
proven("what was delivered is what worked", readFileSync(delivered, "utf8") === CODE)

function write(code: string, tests: string): void {
  writeFileSync(join(source, "price.mjs"), code)
  const imports = `import assert from "node:assert/strict"\nimport { test } from "node:test"\nimport { discount, gross } from "./price.mjs"\n\n`
  writeFileSync(join(source, "price.test.mjs"), `${imports}${tests}void discount\n`)
}

function read(name: string): string {
  return readFileSync(join(folder, name), "utf8")
}

function cases(name: string): string {
  return [...read(name).matchAll(/<testcase name="(\w+)"/g)].map(([, test]) => test).join(", ")
}
