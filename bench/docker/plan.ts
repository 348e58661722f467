import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { canStartEngines, DockerWorld } from "../../test/live/docker-world.ts"
import type { Bench } from "../context.ts"
import { cli, median, run, type Usage, withFolder } from "../measure.ts"
import { dockerCompose } from "../peers/install.mjs"

const COUNT = 200
const ROUNDS = 5
const PROGRAM = fileURLToPath(new URL("../fixtures/containers/fettle.ts", import.meta.url))

/**
 * A plan of 200 running containers that finds nothing to do, from the start of its process to its end, beside `docker-compose up -d` of
 * as many on the same Engine, which finds nothing to do either. Both sides' containers are there at once. Compose compares a hash that
 * it left in a label, by one list; a plan looks at each container, so that drift of its limits, policy and health is seen. The docker
 * command that looks at as many is the floor of that.
 */
export async function planPart({ row, interleave }: Bench): Promise<void> {
  if (!canStartEngines())
    throw new Error("this part needs an Engine of its own: run it as root with docker.io installed")
  const peer = dockerCompose()
  const world = await DockerWorld.start()
  try {
    world.image()
    await withFolder("containers", async (folder) => {
      const ours = oursIn(folder, world)
      await ours("apply", "--yes")
      const theirs = composeIn(folder, world, peer.binary)
      await theirs()
      const used: Record<"ours" | "other", Usage[]> = { ours: [], other: [] }
      const measured = await interleave(ROUNDS, {
        ours: async () => noted(used.ours, await ours("plan", "--check")),
        other: async () => noted(used.other, await theirs()),
      })
      const name = `plan of ${COUNT} containers, nothing to do`
      row({ name, unit: "s", ...measured, otherName: `${peer.name} up -d` })
      for (const [what, unit, of] of FIGURES)
        row({
          name: `${name}: ${what}`,
          unit,
          ours: median(used.ours.map(of)),
          other: median(used.other.map(of)),
          otherName: `${peer.name} up -d`,
        })
      const looked = await interleave(ROUNDS, {
        ours: async () => (await ours("plan", "--check")).seconds,
        other: async () => (await inspected(world)).seconds,
      })
      row({ name, unit: "s", ...looked, otherName: "docker inspect of them" })
    })
  } finally {
    await world.remove()
  }
}

const FIGURES: readonly (readonly [string, string, (usage: Usage) => number])[] = [
  ["processor time", "s", ({ cpuSeconds }) => cpuSeconds],
  ["memory", "MB", ({ peakMb }) => peakMb],
]

function noted(used: Usage[], usage: Usage): number {
  used.push(usage)
  return usage.seconds
}

function oursIn(folder: string, world: DockerWorld): (command: string, flag: string) => Promise<Usage> {
  const params = ["--param", `n=${COUNT}`, "--param", `engine=${world.host}`]
  const env = { HOME: folder, XDG_CACHE_HOME: join(folder, "cache"), XDG_CONFIG_HOME: join(folder, "config") }
  const words = ["--file", PROGRAM, "--state", join(folder, "state"), ...params]
  return (command, flag) => run([process.execPath, cli, command, flag, ...words], { env })
}

function composeIn(folder: string, world: DockerWorld, binary: string): () => Promise<Usage> {
  const services = Object.fromEntries(
    Array.from({ length: COUNT }, (_, at) => [
      `theirs-${at + 1}`,
      {
        image: "base:1",
        command: ["sleep", "100000"],
        environment: { NUMBER: String(at + 1) },
        network_mode: "none",
        stop_grace_period: "0s",
      },
    ]),
  )
  const file = join(folder, "compose.json")
  writeFileSync(file, JSON.stringify({ name: "theirs", services }))
  const env = { HOME: folder, DOCKER_HOST: world.host }
  return () => run([binary, "--progress", "quiet", "-f", file, "up", "-d"], { env })
}

/** What there is to look at, by the docker command: lists our containers, and inspects each. */
function inspected(world: DockerWorld): Promise<Usage> {
  const line = `docker -H ${world.host} inspect $(docker -H ${world.host} ps -q --filter name=ours-) >/dev/null`
  return run(["sh", "-c", line])
}
