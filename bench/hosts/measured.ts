import { spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { Cgroup } from "./cgroup.ts"
import type { Fleet } from "./fleet.ts"
import type { Ready } from "./job.ts"

/** Samples of memory take time themselves: they are taken in runs that are not timed. */
const SAMPLE_MS = 100

/** What one run took. */
export interface Figures {
  readonly seconds: number
  /** On the machine that runs the tool: all its processes, those that outlive it too. */
  readonly clientCpu: number
  /** On all hosts, sshd and handshake included. */
  readonly targetCpu: number
  /** How often a client spoke again after it was answered, handshake included; 0 where it did not go through the slow line. */
  readonly turns: number
  /** Most memory of all client processes; only where asked for. */
  readonly peakMb: number
  /** The end of what it printed. */
  readonly said: string
}

let runs = 0

/** Runs a tool to its end. @throws where it does not exit with 0: a figure of a failed run means nothing */
export async function measured(
  ready: Ready,
  fleet: Fleet,
  { memory = false }: { readonly memory?: boolean } = {},
): Promise<Figures> {
  const client = new Cgroup(`client-${runs++}`)
  let peakMb = 0
  const sample = (): void => {
    peakMb = Math.max(peakMb, client.memoryMb)
  }
  const sampling = memory ? setInterval(sample, SAMPLE_MS) : undefined
  try {
    await fleet.turns()
    const before = fleet.cgroup.cpuSeconds
    const begun = performance.now()
    const said = await ended(ready, client)
    const seconds = (performance.now() - begun) / 1_000
    await settled(fleet)
    const targetCpu = fleet.cgroup.cpuSeconds - before
    return { seconds, clientCpu: client.cpuSeconds, targetCpu, turns: await fleet.turns(), peakMb, said }
  } finally {
    clearInterval(sampling)
    if (ready.lingers === true) lingering.push(client)
    else await client.remove()
  }
}

/** Groups of tools that left a connection behind. */
const lingering: Cgroup[] = []

export async function endLingering(): Promise<void> {
  for (const each of lingering.splice(0)) await each.remove()
}

/** Gives the end of what it printed. */
async function ended({ argv, env, cwd }: Ready, client: Cgroup): Promise<string> {
  const enter = `echo $$ >${client.procs} && exec "$@"`
  const child = spawn("sh", ["-c", enter, "sh", ...argv], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let text = ""
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (piece: string) => {
      text += piece
    })
  const closed = new Promise((resolve) => child.once("close", resolve))
  const code = await new Promise((resolve) => child.once("exit", resolve)) // a connection that lingers may hold the pipes
  await Promise.race([closed, sleep(500)])
  const said = text.slice(-4_000)
  if (code === 0) return said
  throw new Error(`${argv.join(" ")} ended with ${code}:\n${said}`)
}

/** A session there ends a little after the client. */
async function settled(fleet: Fleet): Promise<void> {
  for (let last = -1, now = fleet.cgroup.cpuSeconds; now - last > 0.001; last = now, now = fleet.cgroup.cpuSeconds)
    await sleep(100)
}
