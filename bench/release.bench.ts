import { once } from "node:events"
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import type { Bench } from "./context.ts"
import { bestFixedTest } from "./release/fixed.ts"
import { mannWhitney } from "./release/peers.ts"
import type { Cell, Tally } from "./release/simulate.ts"

/** Releases of each cell; their error is a thirtieth of a percent at 1 %. */
const RUNS = Number(process.env.FETTLE_RELEASE_RUNS ?? 20_000)
/** Each part of a cell has a seed of its own. */
const SEEDS = [20261122, 7, 424242, 99_991] as const
/** Requests of our own to each version, a minute: six a second, the default of `release(…)`. */
const PROBES = 360

/** Rolled back, promoted and undecided of simulated releases, beside the rules of others on the same counts. */
export default async (bench: Bench): Promise<void> => {
  checkPeers()
  const cells = [...plainCells(0), ...plainCells(PROBES), ...hardCells(), ...farCells()]
  if (bench.args.includes("frontier")) return await frontier(bench)
  const tallies = await simulateAll(cells)
  console.log(HEAD)
  for (const tally of tallies) console.log(lineOf(tally))
  rows(bench, tallies)
  await frontier(bench)
}

/** Few errors, five times worse: what a looser bound and more probes buy, beside a test that looks once and knows the ratio. */
async function frontier(bench: Bench): Promise<void> {
  const few = { perMinute: 60, shares: [0.5], rate: 0.001, worse: 5 }
  const cells = [PROBES / 2, PROBES, 2 * PROBES].flatMap((probes) =>
    [0.01, 0.02, 0.05].flatMap((rollbackError) =>
      [5, 1].map((worse) => ({ ...few, worse, probes, rollbackError, name: nameOf(0.001, 60, 0.5, worse, probes) })),
    ),
  )
  const tallies = await simulateAll(cells)
  for (const [at, tally] of tallies.entries()) {
    const { probes, rollbackError, worse } = cells[at] as (typeof cells)[number]
    console.log(`${lineOf(tally)}   (${probes} probes a minute, bound ${100 * rollbackError} %)`)
    if (worse === 1) continue
    const perMinute = (few.perMinute / 2 + probes) * few.rate
    for (const minute of [12, 30])
      bench.row({
        name: `caught by minute 30: ${probes} probes a minute, bound ${100 * rollbackError} %, median ${tally.backMinute}; beside one look at minute ${minute}`,
        unit: "%",
        ours: (100 * tally.rolledBack) / tally.runs,
        other: 100 * bestFixedTest({ errors: perMinute * minute, worse: 5, error: rollbackError }),
        otherName: "best single look",
      })
  }
}

/** The port gives what R and Kayenta's own tests say. @throws where it does not */
function checkPeers(): void {
  const { low, high, estimate } = mannWhitney([10, 20, 30, 40], [1, 2, 3, 4], 0.95)
  const isNear = [low - 6, high - 39, estimate - 22.5].every((each) => Math.abs(each) < 1e-3)
  if (!isNear) throw new Error(`the port of Kayenta's test gives [${low}, ${high}] and ${estimate}`)
}

function plainCells(probes: number): readonly Cell[] {
  const cells: Cell[] = []
  for (const rate of [0.001, 0.01])
    for (const perMinute of [10, 60, 600])
      for (const share of [0.05, 0.2, 0.5])
        for (const worse of [1, 2, 5, 20])
          cells.push({
            name: nameOf(rate, perMinute, share, worse, probes),
            perMinute,
            shares: [share],
            rate,
            worse,
            probes,
          })
  return cells
}

function nameOf(rate: number, perMinute: number, share: number, worse: number, probes: number): string {
  const is = worse === 1 ? "healthy" : `${worse} times worse`
  return `${perMinute}/min, ${share * 100} %, errors ${rate * 100} %, ${is}${probes === 0 ? "" : ", with probes"}`
}

/** What breaks rules: an incident on both, a cold start, clumps, several metrics over several steps. */
function hardCells(): readonly Cell[] {
  const base = { perMinute: 60, rate: 0.01, worse: 1, probes: PROBES }
  const half = { ...base, shares: [0.5] }
  const clumped = { ...half, probes: 0, clump: 3 }
  return [
    ...[0.05, 0.5].map((share) => ({
      ...base,
      name: `healthy, incident on both, ${share * 100} %`,
      shares: [share],
      incident: 5,
    })),
    ...[0.05, 0.5].map((share) => ({
      ...base,
      name: `healthy, cold start, ${share * 100} %`,
      shares: [share],
      cold: 5,
    })),
    ...[1, 5].map((worse) => ({
      ...half,
      name: `${worse === 1 ? "healthy" : "5 times worse"}, cold start beside fresh copies`,
      cold: 5,
      fresh: true,
      worse,
    })),
    ...[1, 5].map((worse) => ({
      ...half,
      perMinute: 600,
      name: `3 metrics, 3 steps, ${worse === 1 ? "healthy" : "5 times worse"}`,
      shares: [0.05, 0.25, 0.5],
      metrics: 3,
      worse,
    })),
    ...(["distinct", "declared", "measured", "all"] as const).flatMap((counting) =>
      [1, 5].map((worse) => ({
        ...clumped,
        name: `clumps of 3, ${COUNTED[counting]}, ${worse === 1 ? "healthy" : "5 times worse"}`,
        counting,
        worse,
      })),
    ),
  ]
}

/** A worst rate far above what the old version has, and nothing said of the usual one. */
function farCells(): readonly Cell[] {
  return [20, 50, 200].flatMap((worst) =>
    [0.001, 0.01].flatMap((rate) =>
      (
        [
          [60, 0.5, PROBES],
          [600, 0.5, 0],
          [10, 0.5, 60],
        ] as const
      ).flatMap(([perMinute, share, probes]) =>
        worst * rate > 0.9
          ? []
          : [1, 5, 20].map((worse) => ({
              ...{ perMinute, shares: [share], rate, worse, probes, worst },
              name: `${nameOf(rate, perMinute, share, worse, probes)}, worst rate ${worst} times usual`,
            })),
      ),
    ),
  )
}

const COUNTED = {
  distinct: "by client",
  declared: "clump declared",
  measured: "clump measured",
  all: "not told",
} as const

async function simulateAll(cells: readonly Cell[]): Promise<readonly Tally[]> {
  const parts = cells.flatMap((cell) => SEEDS.map((seed) => ({ cell, seed, runs: Math.round(RUNS / SEEDS.length) })))
  const done = new Map<Cell, Tally[]>()
  let next = 0
  const lane = async (): Promise<void> => {
    const worker = new Worker(new URL("./release/worker.ts", import.meta.url))
    for (let part = parts[next++]; part !== undefined; part = parts[next++]) {
      worker.postMessage(part)
      const [tally] = (await once(worker, "message")) as [Tally]
      done.set(part.cell, [...(done.get(part.cell) ?? []), tally])
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return cells.map((cell) => together(done.get(cell) ?? []))
}

function together(parts: readonly Tally[]): Tally {
  const sum = (key: "runs" | "rolledBack" | "promoted" | "argo" | "flagger" | "kayenta" | "kayentaRuns"): number =>
    parts.reduce((all, each) => all + each[key], 0)
  const middle = (key: "backMinute" | "promotedMinute"): number | undefined =>
    parts
      .map((each) => each[key])
      .filter((each) => each !== undefined)
      .sort((a, b) => a - b)[Math.floor(parts.length / 2)]
  return {
    cell: (parts[0] as Tally).cell,
    runs: sum("runs"),
    rolledBack: sum("rolledBack"),
    promoted: sum("promoted"),
    backMinute: middle("backMinute"),
    promotedMinute: middle("promotedMinute"),
    argo: sum("argo"),
    flagger: sum("flagger"),
    kayenta: sum("kayenta"),
    kayentaRuns: sum("kayentaRuns"),
  }
}

const HEAD = `${"release".padEnd(84)} rolled back  promoted  undecided | rolled back by Argo  Flagger  Kayenta`

function lineOf({
  cell,
  runs,
  rolledBack,
  promoted,
  backMinute,
  promotedMinute,
  argo,
  flagger,
  kayenta,
  kayentaRuns,
}: Tally): string {
  const percent = (part: number, of = runs): string => `${((100 * part) / of).toFixed(2)} %`.padStart(9)
  const at = (minute: number | undefined): string => (minute === undefined ? "    " : ` @${minute}`).padEnd(4)
  return [
    cell.name.padEnd(84),
    percent(rolledBack) + at(backMinute),
    percent(promoted) + at(promotedMinute),
    percent(runs - rolledBack - promoted),
    "|",
    percent(argo),
    percent(flagger),
    percent(kayenta, kayentaRuns),
  ].join(" ")
}

function rows(bench: Bench, tallies: readonly Tally[]): void {
  const part = ({ runs }: Tally, amount: number): number => (100 * amount) / runs
  const told = tallies.filter(({ cell }) => cell.counting !== "all" && cell.counting !== "measured")
  const healthy = told.filter(({ cell }) => cell.worse === 1)
  const bad = told.filter(({ cell }) => cell.worse >= 5)
  const worst = (all: readonly Tally[], of: (each: Tally) => number): number => Math.max(...all.map(of))
  const least = (all: readonly Tally[], of: (each: Tally) => number): number => Math.min(...all.map(of))
  const row = (name: string, ours: number, target: string, ok: boolean, unit = "%"): void =>
    bench.row({ name, unit, ours, target, ok })
  const backs = worst(healthy, (each) => part(each, each.rolledBack))
  bench.row({
    name: "healthy rolled back, worst cell, beside Argo's rule",
    unit: "%",
    ours: backs,
    other: worst(healthy, (each) => part(each, each.argo)),
    otherName: "argo",
    target: "ours <= 1",
    ok: backs <= 1,
  })
  const busy = healthy.filter(({ cell }) => cell.probes > 0 && cell.perMinute >= 60 && cell.worst === undefined)
  const forth = least(busy, (each) => part(each, each.promoted))
  row(
    "healthy promoted within 30 minutes at 60 a minute and more, with probes, worst cell",
    forth,
    "ours >= 90",
    forth >= 90,
  )
  const passed = worst(bad, (each) => part(each, each.promoted))
  row("5 times worse and more promoted, worst cell", passed, "ours <= 1", passed <= 1)
  const guessed = healthy.filter(({ cell }) => cell.probes === PROBES && cell.worst !== undefined)
  row(
    "healthy promoted within 30 minutes, with probes, where the usual rate of 0.1 % is not declared, worst cell",
    least(guessed, (each) => part(each, each.promoted)),
    "none",
    true,
  )
  for (const rate of [0.01, 0.001]) {
    const half = bad.filter(
      ({ cell }) =>
        cell.probes > 0 && cell.perMinute === 60 && cell.shares[0] === 0.5 && cell.rate === rate && !cell.clump,
    )
    const caught = least(half, (each) => part(each, each.rolledBack))
    const minute = worst(half, (each) => each.backMinute ?? 31)
    const which = `60 a minute, half the traffic, errors of ${rate * 100} %, with probes`
    row(`5 times worse and more rolled back at ${which}`, caught, "ours >= 95", caught >= 95)
    row(`median minute of that`, minute, "ours <= 12", minute <= 12, "min")
  }
  for (const counting of ["measured", "all"] as const) {
    const [clumps] = tallies.filter(({ cell }) => cell.counting === counting && cell.worse === 1)
    if (clumps !== undefined)
      bench.row({
        name: `healthy with clumps of 3, ${COUNTED[counting]}: rolled back`,
        unit: "%",
        ours: part(clumps, clumps.rolledBack),
      })
  }
}
