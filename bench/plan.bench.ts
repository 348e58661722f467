import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Bench } from "./context.ts"
import { cli, many, median, run, type Usage, withFolder } from "./measure.ts"
import { alchemy, openTofu, peerEnv } from "./peers/install.mjs"
import { tofuMany } from "./peers/tofu-many.ts"

/** Where one run takes over 30 s, three are enough. OpenTofu does from some thousands of resources on. */
const ROUNDS = 5
const ROUNDS_LONG = 3

/** The figures that a plan of so many resources has to reach. */
const SIZES = [
  { count: 1_000, seconds: 0.3, tofu: "ratio <= 1", alchemy: "ratio <= 1" },
  { count: 10_000, seconds: 0.8, tofu: "ratio <= 0.2", alchemy: "ratio <= 0.0667", peakMb: 250 },
  { count: 100_000, seconds: 6 },
] as const

type Measured = (round?: number) => Promise<number>

/**
 * A plan that finds nothing to change, from the start of its process to its end, beside OpenTofu and alchemy with as
 * many resources and the same references. Ours reads a real file; `terraform_data` has nothing to read, and alchemy compares
 * its program with its own state and looks at nothing; one row makes it look, by its `alwaysUpdate`.
 */
export default async function bench(given: Bench): Promise<void> {
  const peers = { tofu: openTofu(), alchemy: alchemy() }
  for (const size of SIZES)
    await withFolder(`plan-${size.count}`, async (folder) => {
      const { count } = size
      const name = `plan of ${count.toLocaleString("en")}, nothing to do`
      const ours = await oursMany(join(folder, "ours"), count)
      if (!("tofu" in size)) {
        for (let round = 0; round < ROUNDS; round += 1) await ours.measure()
        given.row({ name, unit: "s", ours: median(seconds(ours.taken)), target: `ours <= ${size.seconds}` })
        return informs(given, count, ours.taken)
      }
      const tofuFolder = join(folder, "tofu")
      tofuMany(tofuFolder, count)
      const tofu = recorded([peers.tofu.binary, "plan", "-no-color", "-detailed-exitcode"], tofuFolder)
      await beside(
        given,
        { name, otherName: peers.tofu.name, target: `ours <= ${size.seconds}, ${size.tofu}` },
        ours,
        tofu,
      )
      for (const mode of ["together", "turn"] as const) {
        const other = await alchemyMany(join(folder, mode), count, mode)
        const otherName = `${peers.alchemy.name}, ${WORDS[mode]}`
        await beside(given, { name, otherName, target: mode === "together" ? size.alchemy : undefined }, ours, other)
      }
      const looks = await alchemyMany(join(folder, "reads"), count, "reads")
      const other = await looks.measure() // once: it writes all of its state anew, so each run is of another disk
      const otherName = `${peers.alchemy.name}, ${WORDS.reads}, once`
      given.row({ name, unit: "s", ours: median(seconds(ours.taken)), other, otherName })
      informs(given, count, ours.taken, "peakMb" in size ? size.peakMb : undefined)
    })
}

const WORDS = { together: "all at once", turn: "one by one", reads: "made to read" }

interface Side {
  readonly measure: Measured
  /** All runs so far. */
  readonly taken: Usage[]
}

async function beside(
  { interleave, row }: Bench,
  head: { readonly name: string; readonly otherName: string; readonly target: string | undefined },
  ours: Side,
  other: Side,
): Promise<void> {
  const first = ours.taken.length
  await other.measure() // fills caches of files, and tells how long it takes
  const rounds = (other.taken[0]?.seconds ?? 0) > 30 ? ROUNDS_LONG : ROUNDS
  const { target, ...rest } = head
  const medians = await interleave(rounds, { ours: ours.measure, other: other.measure })
  row({ ...rest, unit: "s", ...medians, ...(target === undefined ? {} : { target }) })
  row({
    name: `${head.name}: processor`,
    unit: "s",
    ours: median(ours.taken.slice(first).map((each) => each.cpuSeconds)),
    other: median(other.taken.slice(1).map((each) => each.cpuSeconds)),
    otherName: head.otherName,
  })
  row({
    name: `${head.name}: memory`,
    unit: "MB",
    ours: median(ours.taken.slice(first).map((each) => each.peakMb)),
    other: median(other.taken.slice(1).map((each) => each.peakMb)),
    otherName: head.otherName,
  })
}

function informs({ row }: Bench, count: number, taken: readonly Usage[], most?: number): void {
  const name = `most memory of a plan of ${count.toLocaleString("en")}`
  const ours = Math.max(...taken.map((each) => each.peakMb))
  row({ name, unit: "MB", ours, ...(most === undefined ? {} : { target: `ours <= ${most}` }) })
}

const seconds = (taken: readonly Usage[]): readonly number[] => taken.map((each) => each.seconds)

async function oursMany(folder: string, count: number): Promise<Side> {
  mkdirSync(folder, { recursive: true })
  const { args, env } = many(folder, count)
  await run([process.execPath, cli, "apply", "--yes", "--quiet", ...args], { env })
  const side = recorded([process.execPath, cli, "plan", ...args, "--check"], folder, env) // --check: 2 where anything changes
  await side.measure()
  side.taken.length = 0
  return side
}

async function alchemyMany(folder: string, count: number, mode: keyof typeof WORDS): Promise<Side> {
  mkdirSync(folder, { recursive: true })
  const program = fileURLToPath(new URL("peers/alchemy-many.mjs", import.meta.url))
  const side = recorded([process.execPath, program, alchemy().module, String(count), mode], folder)
  await side.measure() // creates
  side.taken.length = 0
  return side
}

/** A command whose runs are kept; one that fails or finds something to change ends the bench. */
function recorded(command: readonly [string, ...string[]], cwd: string, env?: Record<string, string>): Side {
  const taken: Usage[] = []
  const measure = async (): Promise<number> => {
    const usage = await run(command, { cwd, env: { ...peerEnv, ...env } })
    taken.push(usage)
    return usage.seconds
  }
  return { measure, taken }
}
