import { execFileSync, spawnSync } from "node:child_process"
import { appendFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { engineOf } from "../../src/connect/docker/client-of.ts"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { hostOf, openHost } from "../../src/connect/host/driver.ts"
import * as docker from "../../src/docker.ts"
import * as host from "../../src/host.ts"
import { type LogSince, log } from "../../src/program/log-probes.ts"
import { resolve } from "../../src/program/output.ts"
import type { Driver, OpenContext } from "../../src/provider.ts"
import type { Answer } from "../../src/verify/answer.ts"
import { hostTools } from "../../src/verify/host-tools.ts"
import { prepare } from "../../src/verify/question.ts"
import type { Standpoint } from "../../src/verify/where.ts"
import { SshHost } from "../support/ssh-host.ts"
import { systemdRoot } from "../support/systemd-root.ts"
import { DockerWorld } from "./docker-world.ts"
import { carrierFor, newFolder } from "./host-world.ts"
import { toolsIn } from "./verify-support.ts"

/** A log somewhere, as the tests drive it. */
export interface LogWorld {
  readonly standpoint: Standpoint
  /** A log of its own, by its settings; it holds nothing yet. */
  fresh(): Promise<object>
  /** Writes to it, as it is, and waits until it stands there. */
  write(place: object, text: string | Uint8Array): Promise<void>
  /** Undefined where its files are nobody's business. */
  rotate?(place: object): Promise<void>
  readonly missing: object
  /** What is there and may not be read. */
  readonly unreadable?: { readonly place: object; readonly standpoint: Standpoint } | undefined
  stop(): Promise<void>
}

export interface Lines {
  readonly pattern?: string | RegExp
  readonly level?: "fatal" | "error" | "warn"
  readonly since?: LogSince
  readonly max?: number
  readonly timeoutMs?: number
}

/** A question that can be put again. */
export async function asking(
  standpoint: Standpoint,
  place: object,
  lines: Lines,
  hide: (text: string) => string = (text) => text,
): Promise<() => Promise<Answer>> {
  const probe = resolve(log.quiet({ ...place, ...lines } as never), () => undefined)
  const question = await prepare(probe, { ...standpoint, signal: new AbortController().signal, hide })
  return () => question(undefined)
}

function opening(): OpenContext {
  return { signal: new AbortController().signal, reveal: () => undefined as never, log: () => {} }
}

function onHost(driver: Driver, name: string): Standpoint {
  const client = hostOf(driver)
  if (client === undefined) throw new Error("no host")
  return { where: { type: "host", name, host: client, here: "/" }, tools: hostTools(client) }
}

/** Files of this machine, looked at from anywhere. */
function files(standpoint: Standpoint, stop: () => Promise<void>): Omit<LogWorld, "unreadable"> {
  const pathIn = (place: object): string => (place as { path: string }).path
  return {
    standpoint,
    fresh: async () => {
      const path = join(newFolder(), "shop.log")
      execFileSync("chmod", ["755", join(path, "..")])
      await writeFile(path, "")
      return { path }
    },
    write: (place, text) => appendFile(pathIn(place), text),
    rotate: async (place) => {
      await rename(pathIn(place), `${pathIn(place)}.1`)
      await writeFile(pathIn(place), "")
    },
    missing: { path: "/nonexistent/shop.log" },
    stop,
  }
}

export async function filesHere(): Promise<LogWorld> {
  return files({ where: { type: "here" }, tools: toolsIn("/") }, async () => {})
}

export async function filesOfBusybox(): Promise<LogWorld> {
  const driver = await openHost(localCarrier(carrierFor("busybox", "logs")), opening())
  return files(onHost(driver, "busybox"), () => driver.close())
}

export async function filesOverSsh(): Promise<LogWorld> {
  const web = await SshHost.start("web1", { users: [{ name: "deploy" }] })
  const root = await host.ssh("web1", { config: web.config }).open(opening())
  const deploy = await host.ssh("web1", { config: web.config, user: "deploy" }).open(opening())
  const secret = join(newFolder(), "secret.log")
  await writeFile(secret, "ERROR\n", { mode: 0o600 })
  execFileSync("chmod", ["755", join(secret, "..")])
  const stop = async (): Promise<void> => {
    await Promise.all([root.close(), deploy.close()])
    await web.stop()
  }
  return {
    ...files(onHost(root, "web1"), stop),
    unreadable: { place: { path: secret }, standpoint: onHost(deploy, "web1") },
  }
}

/** The journal of a whole system of its own. */
export async function journals(): Promise<LogWorld> {
  const root = await systemdRoot()
  const open = (prefix: readonly string[]): Promise<Driver> =>
    openHost(localCarrier({ scope: "logs", prefix: prefix as [string, ...string[]] }), opening())
  root.run("sh", "-c", "systemctl start systemd-journald")
  const driver = await open(root.enter)
  const nobody = await open([...root.enter, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
  const unitOf = (place: object): string => (place as { journal: string }).journal
  let number = 0
  const lines = (unit: string): string =>
    root.run("sh", "-c", `journalctl -q -a -o cat -u ${unit} -n 1 --show-cursor | tail -n 1`)
  return {
    standpoint: onHost(driver, "box"),
    fresh: async () => {
      number += 1
      const unit = `shop${number}.service`
      const text = `[Service]\nExecStart=/bin/sh -c 'while :; do cat /run/${unit}.fifo; done'\nStandardOutput=journal\n`
      await writeFile(root.path(`/run/systemd/system/${unit}`), text).catch(async () => {
        root.run("mkdir", "-p", "/run/systemd/system")
        await writeFile(root.path(`/run/systemd/system/${unit}`), text)
      })
      root.run("mkfifo", `/run/${unit}.fifo`)
      root.run("sh", "-c", `systemctl daemon-reload && systemctl start ${unit}`)
      return { journal: unit }
    },
    write: async (place, text) => {
      const unit = unitOf(place)
      await writeFile(root.path(`/run/${unit}.in`), text)
      const before = lines(unit)
      root.run("sh", "-c", `cat /run/${unit}.in >/run/${unit}.fifo`)
      for (let tries = 0; lines(unit) === before; tries += 1)
        if (tries > 100) throw new Error(`nothing came of ${unit}`)
      root.run("journalctl", "--sync")
    },
    rotate: async () => void root.run("journalctl", "--rotate"),
    missing: { journal: "nosuch.service" },
    unreadable: { place: { journal: "shop1.service" }, standpoint: onHost(nobody, "box") },
    stop: async () => {
      await Promise.all([driver.close(), nobody.close()])
      await root.stop()
    },
  }
}

/** Containers that print what they are told. */
export async function containers(): Promise<LogWorld> {
  const world = await DockerWorld.start()
  world.image()
  const driver = await docker.engine({ host: world.host, configFolder: "/nonexistent" }).open(opening())
  const engine = engineOf(driver)
  if (engine === undefined) throw new Error("no Engine")
  const nameOf = (place: object): string => (place as { container: string }).container
  let number = 0
  const wrote = (name: string): number => {
    const { stdout } = spawnSync("docker", ["-H", world.host, "logs", name], { maxBuffer: 1 << 28 })
    return stdout.length
  }
  world.docker("run", "-d", "--name", "silent", "--log-driver", "none", "base:1", "sleep", "1000000")
  return {
    standpoint: { where: { type: "docker", name: "docker", engine }, tools: toolsIn("/") },
    fresh: async () => {
      number += 1
      const name = `shop${number}`
      world.docker("run", "-d", "--name", name, "base:1", "sh", "-c", "mkfifo /tmp/f; while :; do cat /tmp/f; done")
      return { container: name }
    },
    write: async (place, text) => {
      const name = nameOf(place)
      const before = wrote(name)
      world.dockerWith(
        Buffer.from(text),
        "exec",
        "-i",
        name,
        "sh",
        "-c",
        "until [ -p /tmp/f ]; do :; done; cat >/tmp/f",
      )
      const size = Buffer.byteLength(text)
      for (let tries = 0; wrote(name) < before + size; tries += 1)
        if (tries > 100) throw new Error(`of ${size} bytes ${wrote(name) - before} came of ${name}`)
    },
    missing: { container: "nosuch" },
    unreadable: {
      place: { container: "silent" },
      standpoint: { where: { type: "docker", name: "docker", engine }, tools: toolsIn("/") },
    },
    stop: async () => {
      await driver.close()
      await world.remove()
    },
  }
}
