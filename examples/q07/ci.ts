// The part that a CI server does for each commit: test, and build one artifact whose name is the hash of what it holds.
import { createHash } from "node:crypto"
import { copyFileSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { start } from "../story.ts"

/** Resolves to the path of the artifact; undefined where a test fails, and then there is none. */
export async function integrate(source: string, artifacts: string): Promise<string | undefined> {
  const tests = await start([process.execPath, "--test", "--test-reporter=dot", join(source, "greet.test.mjs")])
  if (tests.code !== 0) return undefined
  const file = join(source, "greet.mjs")
  const hash = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12)
  const artifact = join(artifacts, `greet-${hash}.mjs`)
  mkdirSync(artifacts, { recursive: true })
  copyFileSync(file, artifact)
  return artifact
}
