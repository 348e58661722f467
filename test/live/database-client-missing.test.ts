import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, test } from "vitest"
import { newFolder } from "./verify-support.ts"

test.each([
  ["pg", "postgres", "postgres://app@127.0.0.1"],
  ["mysql2", "mariadb", "mysql://app@127.0.0.1"],
])("without %s a check of %s says what to install", async (client, type, url) => {
  const folder = await newFolder()
  const question = pathToFileURL(join(import.meta.dirname, "../../src/verify/question.ts")).href
  writeFileSync(
    join(folder, "ask.mjs"),
    `import { registerHooks } from "node:module"
     import { createServer } from "node:net"
     registerHooks({
       resolve(name, context, next) {
         if (name === ${JSON.stringify(client)}) throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
         return next(name, context)
       },
     })
     const { prepare } = await import(${JSON.stringify(question)})
     const server = createServer(() => {}).listen(0, "127.0.0.1", async () => {
       const settings = { probe: "sql", ${type}: ${JSON.stringify(url)} + ":" + server.address().port + "/shop", query: "select 1" }
       const tools = { cwd: "/", baseEnv: {} }
       const signal = new AbortController().signal
       const ask = await prepare(settings, { where: { type: "here" }, tools, signal, hide: (text) => text })
       console.log(JSON.stringify(await ask(undefined)))
       process.exit(0)
     })`,
  )
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "ask.mjs")], {
    encoding: "utf8",
    timeout: 60_000,
  })
  expect(JSON.parse(stdout || `"${stderr}"`)).toMatchObject({
    verdict: "inconclusive",
    lasting: true,
    evidence: `the package ${client} is not installed: npm install ${client}`,
  })
})
