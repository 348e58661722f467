// What the repository leans on: each package locked by a hash, none with an install script, of a licence that we may pass on, installed
// as it is locked. Whether one of them is known to be bad is asked in the release job, where there is a registry: `npm audit`.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { files, root } from "../step.mjs"

/** Of what is in the package or installed with it; what only builds and tests may have any. */
const LICENCES = /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0)( OR (MIT|ISC|Apache-2\.0))*$/
/** Steps of others that release jobs run: by their commit, since a tag can be moved. */
const ACTION = /uses:\s*([^\s#]+)/g
const PINNED = /^(\.\/.+|[\w.-]+\/[\w./-]+@[0-9a-f]{40})$/

export async function supplyChain() {
  const lock = read("package-lock.json").packages
  const here = read("node_modules/.package-lock.json").packages
  const own = read("package.json")
  const names = Object.keys(lock).filter((place) => place.startsWith("node_modules/") && lock[place].link !== true)
  const problems = names.flatMap((place) => [
    ...(/^sha512-/.test(lock[place].integrity ?? "") ? [] : [`${place} is not locked by a SHA-512`]),
    ...(lock[place].hasInstallScript === true ? [`${place} runs an install script`] : []),
    ...(lock[place].dev === true || LICENCES.test(lock[place].license ?? "")
      ? []
      : [`${place}: ${lock[place].license}`]),
    ...(here[place] === undefined || here[place].integrity === lock[place].integrity
      ? []
      : [`${place} is installed as another one than is locked: npm ci`]),
  ])
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    if (own.scripts[name] !== undefined) problems.push(`package.json has the script ${name}: it would run for users`)
  const workflows = files(".github/workflows/*.yml")
  for (const file of workflows)
    for (const [, used = ""] of readFileSync(join(root, file), "utf8").matchAll(ACTION))
      if (!PINNED.test(used)) problems.push(`${file}: ${used} is not pinned by a commit`)
  return { looked: names.length, unit: "packages", note: `${workflows.length} workflows`, problems }
}

function read(file) {
  return JSON.parse(readFileSync(join(root, file), "utf8"))
}
