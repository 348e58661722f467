// The checks that are somebody else's tool, called by its path so that no other version can stand in for it.
import { capture, files } from "../step.mjs"

export async function formatAndLint() {
  const biome = await capture([
    "node_modules/@biomejs/biome/bin/biome",
    "check",
    "--error-on-warnings",
    "--colors=off",
    "--reporter=concise",
    "--max-diagnostics=200",
  ])
  const looked = Number(/Checked (\d+) files?/.exec(biome.text)?.[1] ?? 0)
  return {
    looked,
    unit: "files",
    problems: biome.code === 0 ? [] : [biome.text, "`npm run format` repairs most of it."],
  }
}

/** Type-checks one project with one compiler, whose version is asserted: an alias can point anywhere. */
export async function types(compiler, version, project) {
  const tsc = `node_modules/${compiler}/bin/tsc`
  const actual = (await capture([tsc, "--version"])).stdout.trim()
  if (!actual.startsWith(`Version ${version}`)) {
    return { looked: 0, unit: "files", problems: [`${compiler} says "${actual}", not ${version}x.`] }
  }
  const quiet = ["--noEmit", "--incremental", "false", "--tsBuildInfoFile", "null", "--pretty", "false"]
  const run = await capture([tsc, "-p", project, ...quiet, "--listFiles"])
  const lines = run.text.split("\n")
  const listed = lines.filter((line) => /^(\/|[A-Z]:).*\.[cm]?[jt]sx?$/.test(line))
  const problems = lines
    .filter((line) => !listed.includes(line))
    .join("\n")
    .trim()
  return {
    looked: listed.filter((line) => !line.includes("/node_modules/")).length,
    unit: "files",
    problems: run.code === 0 && problems === "" ? [] : [problems],
  }
}

export async function unused() {
  const knip = await capture(["node_modules/knip/bin/knip.js", "--no-progress"], {
    env: { ...process.env, NO_COLOR: "1" },
  })
  return { looked: files("src/**/*.ts").length, unit: "files", problems: knip.code === 0 ? [] : [knip.text] }
}
