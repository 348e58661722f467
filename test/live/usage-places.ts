import { spawn } from "node:child_process"
import * as host from "../../src/host.ts"
import type { Probe } from "../../src/program/check.ts"
import { type ContainerLimits, containers, type ProcessLimits, processes } from "../../src/program/usage-probes.ts"
import type { Driver } from "../../src/provider.ts"
import { SshHost } from "../support/ssh-host.ts"
import { type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { DockerWorld } from "./docker-world.ts"
import { HostWorld, rootConnection } from "./host-world.ts"

/** What a process and a container have in common. */
export type Limits = Omit<ProcessLimits & ContainerLimits, "container" | "pid" | "pidFile" | "unit">

/** Something that runs, and can be asked about. */
export interface Running {
  probe(limits: Limits): Probe
  /** The same name, another process. */
  again?(): Promise<void>
  end(): Promise<void>
}

/** Where things run whose use is looked at: each place has the same cases. */
export interface UsagePlace {
  /** What a check is asked through; undefined: this machine. */
  readonly driver: Driver | undefined
  /** @param script of a shell */
  run(script: string): Promise<Running>
  none(limits: Limits): Probe
  stop(): Promise<void>
}

const IDLE_PID = 2_147_483_000 // no machine has so many

function started(script: string): Running {
  const child = spawn("sh", ["-c", script], { stdio: "ignore" })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  return {
    probe: (limits) => processes.within({ ...limits, pid: child.pid ?? 0 } as ProcessLimits),
    end: async () => {
      child.kill("SIGKILL")
      await ended
    },
  }
}

const none = (limits: Limits): Probe => processes.within({ ...limits, pid: IDLE_PID } as ProcessLimits)

/** Processes of this machine. */
export async function thisMachine(): Promise<UsagePlace> {
  return { driver: undefined, run: async (script) => started(script), none, stop: async () => {} }
}

/** Processes of a host: of this machine's, seen through ssh. */
export async function overSsh(): Promise<UsagePlace> {
  const web = await SshHost.start("web1", { users: [{ name: "deploy" }] })
  const { driver } = await HostWorld.through(host.ssh("web1", { config: web.config, user: "root" }))
  return {
    driver,
    run: async (script) => started(script),
    none,
    stop: async () => {
      await driver.close?.()
      await web.stop()
    },
  }
}

/** Units of a systemd of its own. */
export async function unitsOfSystemd(): Promise<UsagePlace> {
  const root: SystemdRoot = await systemdRoot()
  const { driver } = await HostWorld.through(rootConnection(() => root.enter))
  let number = 0
  return {
    driver,
    run: async (script) => {
      number += 1
      const unit = `usage${number}`
      root.run("systemd-run", `--unit=${unit}`, "--property=Restart=always", "sh", "-c", script)
      return {
        probe: (limits) => processes.within({ ...limits, unit } as ProcessLimits),
        again: async () => void root.run("systemctl", "restart", unit),
        end: async () => void root.run("systemctl", "stop", unit),
      }
    },
    none: (limits) => processes.within({ ...limits, unit: "there-is-none" } as ProcessLimits),
    stop: async () => {
      await driver.close?.()
      await root.stop()
    },
  }
}

/** Containers of an Engine of its own. */
export async function containersOfAnEngine(open: (world: DockerWorld) => Promise<Driver>): Promise<UsagePlace> {
  const world = await DockerWorld.start()
  world.image()
  const driver = await open(world)
  let number = 0
  return {
    driver,
    run: async (script) => {
      number += 1
      const container = `usage${number}`
      world.docker("run", "-d", "--name", container, "base:1", "sh", "-c", script)
      return {
        probe: (limits) => containers.within({ ...limits, container } as ContainerLimits),
        again: async () => void world.docker("restart", "-t", "0", container),
        end: async () => void world.docker("rm", "-f", container),
      }
    },
    none: (limits) => containers.within({ ...limits, container: "there-is-none" } as ContainerLimits),
    stop: async () => {
      await driver.close?.()
      await world.remove()
    },
  }
}
