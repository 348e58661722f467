import { fileURLToPath } from "node:url"
import type { Bench } from "./context.ts"
import { floor } from "./hosts/floor.ts"
import { extras, type Tool } from "./hosts/job.ts"
import type { Figures } from "./hosts/measured.ts"
import { fettle, fettleFast, fettlePlan } from "./hosts/ours.ts"
import { peers } from "./hosts/peers.ts"
import { spoken } from "./hosts/requests.ts"
import { type Measure, medianOf, Rounds, RTT_MS, type Scene, type Taken } from "./hosts/round.ts"
import { cli, run, withFolder } from "./measure.ts"

/**
 * Files on hosts over ssh: the built command line, beside a bare script over ssh (the floor) and beside other tools. Each host is an
 * sshd of its own on this machine, which is client and target at once; some are reached over a line of 50 ms. All runs count from
 * the start of the process to its end. After each the files are compared with what they should be, and a second apply may write none.
 * Processor time is what control groups counted: on the hosts with sshd and the handshake.
 *
 * The peers, as their own documentation advises where speed matters, with the OpenSSH, keys and host keys that ours uses:
 * - ansible-core: pipelining on, a fork for each host, no facts, one `copy` with a loop, the interpreter named, ControlPersist at
 *   its default of 60 s (so its second run finds a connection that ours makes anew), no compression.
 * - Mitogen: the same playbook with strategy mitogen_linear.
 * - pyinfra: one `files.put` for each file, all hosts at once, no question.
 * - salt-ssh: one `file.managed` for each file in one state.apply, a process for each host, no grains of name servers and graphics
 *   cards; its files on the host (the thin) are there already.
 * Before the first figure each has run once on these hosts.
 *
 * The mixed scenario is 20 files, 5 directories, 5 links, 4 packages, a service and a process on a host that is a whole system: systemd
 * of its own, and an apt that knows only a local repository of these packages, so that nobody waits for a network. Ansible's `apt` and
 * `systemd_service`, pyinfra's `apt.packages` and `systemd.service`, salt's `pkg.installed` and `service.running`; no peer has a kind for
 * the process, so each runs one shell line for it. Ours restarts service and process when a file changes; the peers' need not. What the
 * service manager itself takes is in the hosts' processor time only where the kernel has the old control groups.
 *
 * `--small` is the same with fewer hosts, files and rounds: under 8 minutes. A word takes one part alone: start, requests, flat,
 * matrix, peers, mixed.
 */
export default async function bench(given: Bench): Promise<void> {
  const size = given.args.includes("--small") ? SMALL : FULL
  const words = given.args.filter((word) => word !== "--small")
  const chosen = Object.keys(PARTS).filter(
    (name) => words.length === 0 || words.includes(name),
  ) as (keyof typeof PARTS)[]
  if (chosen.length === 0) throw new Error(`there are the parts ${Object.keys(PARTS).join(", ")}`)
  const others = peers() // a report is with all of them or not at all
  const rounds = await Rounds.start(size.hosts, size.files)
  try {
    for (const name of chosen) await PARTS[name]({ given, size, rounds, others })
  } finally {
    await rounds.stop()
  }
}

interface Part {
  readonly given: Bench
  readonly size: Size
  readonly rounds: Rounds
  readonly others: readonly Tool[]
}

/** A scene, how often each tool runs in it, and whether the targets are held against it. */
type Planned = Scene & { readonly times: number; readonly judged?: boolean }

interface Size {
  readonly hosts: number
  readonly files: number
  readonly matrix: readonly Planned[]
  readonly peers: readonly Planned[]
  readonly mixed: Planned
  readonly memory: readonly number[]
}

const near = (hosts: number, files: number, times: number): Planned => ({ hosts, files, rttMs: 0, times })
const far = (hosts: number, files: number, times: number): Planned => ({ hosts, files, rttMs: RTT_MS, times })

const FULL: Size = {
  hosts: 50,
  files: 1_000,
  matrix: [
    ...[near(1, 100, 5), near(1, 1_000, 5), near(50, 100, 3), near(50, 1_000, 1)],
    ...[far(1, 100, 5), far(1, 1_000, 5), far(50, 100, 3), far(50, 1_000, 1)],
  ],
  peers: [near(1, 20, 3), { ...near(1, 100, 1), judged: true }, near(10, 20, 1), far(1, 20, 1)],
  mixed: { ...near(1, 20, 3), mixed: true },
  memory: [1, 50],
}

const SMALL: Size = {
  hosts: 5,
  files: 1_000,
  matrix: [near(1, 100, 3), near(5, 100, 3), far(1, 100, 3), far(1, 1_000, 3)],
  peers: [near(1, 20, 1)],
  mixed: { ...near(1, 20, 1), mixed: true },
  memory: [1, 5],
}

const PARTS = { start, requests, flat, matrix, peers: besidePeers, mixed }

/** What a command costs that reaches no host: it is in every figure of ours. */
async function start({ given }: Part): Promise<void> {
  const empty = fileURLToPath(new URL("fixtures/empty/fettle.ts", import.meta.url))
  await withFolder("hosts", async (folder) => {
    const plan = [process.execPath, cli, "plan", "--file", empty, "--state", `${folder}/state`] as const
    const env = { HOME: folder, XDG_CACHE_HOME: `${folder}/cache`, XDG_CONFIG_HOME: `${folder}/config` }
    await run([...plan], { env }) // compiles
    const medians = await given.interleave(5, {
      ours: async () => (await run([...plan], { env })).seconds,
      other: async () => (await run([process.execPath, "-e", "0"])).seconds,
    })
    given.row({ name: "an empty plan, no host", unit: "s", ...medians, otherName: "node -e 0" })
  })
}

/** Round trips after connect: the opening of the session counts as one. */
async function requests({ given, rounds, size }: Part): Promise<void> {
  await rounds.fleet.boot()
  for (const scene of [near(1, 10, 1), near(1, size.files, 1), size.mixed]) {
    const { first, again } = await spoken(rounds.turn(fettle, scene))
    const name = `round trips after connect, ${nameOf(scene)}`
    given.row({ name: `${name}: first`, unit: "", ours: first, target: "ours <= 3" })
    given.row({ name: `${name}: no-op`, unit: "", ours: again, target: "ours <= 3" })
  }
}

async function flat({ given, rounds }: Part): Promise<void> {
  const [many, few] = [rounds.turn(fettle, far(1, 1_000, 5)), rounds.turn(fettle, far(1, 10, 5))]
  const seconds = async (turn: typeof many): Promise<number> => (await turn.again()).seconds
  await few.first() // its ten files are the first of the thousand
  await many.first()
  const medians = await given.interleave(5, { ours: () => seconds(many), other: () => seconds(few) })
  const name = `no-op of 1,000 files on 1 host, ${RTT_MS} ms`
  given.row({ name, unit: "s", ...medians, otherName: "of 10 files", target: "ratio <= 1.5" })
}

async function matrix({ given, rounds, size }: Part): Promise<void> {
  await rounds.interleave(1, near(size.hosts, 1, 1), [fettle, floor]) // compiled code, and all hosts have been asked once
  for (const scene of size.matrix) {
    const [ours, other] = await rounds.interleave(scene.times, scene, [fettle, floor])
    if (ours !== undefined && other !== undefined) beside(given, scene, { ours, other, otherName: floor.name })
  }
  const planned = rounds.turn(fettlePlan, near(1, 100, 3))
  await planned.take()
  await planned.take()
  await planned.take()
  given.row({ name: "plan alone, 100 files on 1 host", unit: "s", ours: medianOf(planned.taken.again, "seconds") })
  await fastKex({ given, rounds })
  for (const hosts of size.memory) {
    const turn = rounds.turn(fettle, near(hosts, 100, 1))
    await turn.first()
    const { peakMb } = await turn.again({ memory: true })
    given.row({ name: `memory, 100 files on ${hosts}, each host`, unit: "MB", ours: peakMb / hosts })
  }
}

/** What the post-quantum key exchange of OpenSSH before 10 costs. */
async function fastKex({ given, rounds }: Pick<Part, "given" | "rounds">): Promise<void> {
  const scene = near(1, 100, 3)
  const [fast, other] = await rounds.interleave(3, scene, [fettleFast, fettle])
  if (fast === undefined || other === undefined) return
  beside(given, scene, { ours: fast, other, otherName: "default exchange", title: 'kex: "fast", ' })
}

/** What a first apply and a no-op of 100 files have to reach, as ratios of ours to the peer's. */
const TARGETS: readonly (readonly [peer: string, targets: Readonly<Record<string, string>>])[] = [
  ["ansible-core", { first: "ratio <= 0.02", again: "ratio <= 0.01", targetCpu: "ratio <= 0.005" }],
  ["pyinfra", { first: "ratio <= 0.1", again: "ratio <= 0.05", targetCpu: "ratio <= 0.05" }],
  ["salt-ssh", { first: "ratio <= 0.2", again: "ratio <= 0.1" }],
]

async function besidePeers({ given, rounds, size, others }: Part): Promise<void> {
  for (const scene of size.peers) await besideEach({ given, rounds, others }, scene)
}

async function mixed({ given, rounds, size, others }: Part): Promise<void> {
  await rounds.fleet.boot()
  await besideEach({ given, rounds, others: [floor, ...others] }, size.mixed)
}

/** In each round ours runs before every other tool, so that each has a neighbour that saw the same load. */
async function besideEach({ given, rounds, others }: Omit<Part, "size">, scene: Planned): Promise<void> {
  const few = scene.mixed === true ? extras.length : 1 // its links lead to files
  await rounds.interleave(1, { ...scene, files: few }, [fettle, ...others])
  const pairs = others.map((tool) => ({ tool, ours: rounds.turn(fettle, scene), other: rounds.turn(tool, scene) }))
  for (let round = 0; round < scene.times; round += 1)
    for (const { tool, ours, other } of round % 2 === 0 ? pairs : pairs.toReversed()) {
      await ours.take()
      await other.take()
      console.log(`    ours ${ours.last}; ${tool.name} ${other.last}; load ${given.load().toFixed(1)}`)
    }
  for (const { tool, ours, other } of pairs) {
    const [, targets = {}] = (scene.judged === true && TARGETS.find(([peer]) => tool.name.startsWith(peer))) || []
    beside(given, scene, { ours: ours.taken, other: other.taken, otherName: tool.name, targets })
  }
}

interface Beside {
  readonly ours: Taken
  readonly other: Taken
  readonly otherName: string
  readonly title?: string
  readonly targets?: Readonly<Record<string, string>>
}

/** Wall time of both runs; of the no-op what it cost on the hosts and here, and how often the line was waited for. */
function beside(given: Bench, scene: Planned, { ours, other, otherName, title = "", targets = {} }: Beside): void {
  const name = `${title}${nameOf(scene)}`
  const add = (
    words: string,
    unit: string,
    measure: Measure,
    pick: (taken: Taken) => Figures[],
    target?: string,
  ): void =>
    given.row({
      name: `${name}: ${words}`,
      unit,
      ours: medianOf(pick(ours), measure),
      other: medianOf(pick(other), measure),
      otherName: scene.times === 1 ? `${otherName}, once` : otherName,
      ...(target === undefined ? {} : { target }),
    })
  add("first", "s", "seconds", ({ first }) => first, targets.first)
  add("no-op", "s", "seconds", ({ again }) => again, targets.again)
  add("first, target CPU", "s", "targetCpu", ({ first }) => first)
  add("no-op, target CPU", "s", "targetCpu", ({ again }) => again, targets.targetCpu)
  add("no-op, client CPU", "s", "clientCpu", ({ again }) => again)
  if (scene.rttMs > 0) add("no-op, turns with handshake", "", "turns", ({ again }) => again)
}

function nameOf({ hosts, files, rttMs, mixed }: Scene): string {
  const what = `${mixed === true ? "mixed, " : ""}${files.toLocaleString("en")} files`
  return `${what} on ${hosts}${hosts === 1 ? " host" : " hosts"}${rttMs > 0 ? `, ${rttMs} ms` : ""}`
}
