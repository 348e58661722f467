import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Bench } from "./context.ts"
import { cli, run, withFolder } from "./measure.ts"

/** Many, because one takes so little that the machine's own noise shows. */
const ROUNDS = 15

/**
 * What a user waits for before any work: processes from start to end, beside `node -e 0`. Cold is without compiled code of Fettle;
 * warm is each run after the first.
 */
export default async function bench({ row, interleave }: Bench): Promise<void> {
  await withFolder("start", async (folder) => {
    const fixture = fileURLToPath(new URL("fixtures/empty/fettle.ts", import.meta.url))
    const home = { HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), NODE_COMPILE_CACHE: undefined }
    const node = async (...args: string[]): Promise<number> =>
      (await run([process.execPath, ...args], { env: { ...home, XDG_CACHE_HOME: join(folder, "cache") } })).seconds
    const plan = [cli, "plan", "--file", fixture, "--state", join(folder, "state")]
    const bare = () => node("-e", "0")
    const otherName = "node -e 0"

    const version = await interleave(ROUNDS, { ours: () => node(cli, "--version"), other: bare })
    row({ name: "fettle --version", unit: "ms", ...inMs(version), otherName })
    row({
      name: "fettle --version, over node -e 0",
      unit: "ms",
      ours: (version.ours - version.other) * 1_000,
      target: "ours <= 60",
    })

    let round = 0
    const cold = async (): Promise<number> => {
      const cache = join(folder, `cold-${round++}`) // a new folder: nothing compiled is found
      mkdirSync(cache)
      return (await run([process.execPath, ...plan], { env: { ...home, XDG_CACHE_HOME: cache } })).seconds
    }
    const first = await interleave(ROUNDS, { ours: cold, other: bare })
    row({ name: "empty plan, cold", unit: "ms", ...inMs(first), otherName, target: "ours <= 300" })

    await node(...plan)
    const again = await interleave(ROUNDS, { ours: () => node(...plan), other: bare })
    row({ name: "empty plan, compiled code kept", unit: "ms", ...inMs(again), otherName, target: "ours <= 200" })
  })
}

const inMs = ({ ours, other }: { ours: number; other: number }): { ours: number; other: number } => ({
  ours: ours * 1_000,
  other: other * 1_000,
})
