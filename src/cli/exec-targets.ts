import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { container, containerOf } from "../connect/docker/container-host.ts"
import { ssh } from "../connect/host/ssh.ts"
import type { SshOptions } from "../connect/host/ssh-line.ts"
import { FettleError } from "../errors.ts"
import { inventory } from "../inventory/sources.ts"
import { choose } from "../program/pattern.ts"
import { program } from "../program/program.ts"
import { escapeText } from "../report/escape.ts"
import { type ExecTarget, hostsOf } from "../run/exec.ts"
import { secret } from "../secrets/sources.ts"
import { type Call, paramsOf } from "./call.ts"
import { findFile, type Loaded, loadProgram } from "./load.ts"

/** The hosts that a command line chooses, and the program around them: the user's, or an empty one. */
export interface Chosen {
  readonly targets: readonly ExecTarget[]
  readonly loaded: Loaded
  /** They are hosts of the user's program. */
  readonly remembered: boolean
}

/** Hosts of the given inventories; else of the program in the folder; where there is none, what `--limit` names. @throws FettleError `USAGE`, `LIMIT_UNKNOWN` */
export async function chosenTargets(call: Call): Promise<Chosen> {
  const { limit, inventory: files } = call.options
  const none = { program: program("exec", {}, () => {}), file: "", folder: call.around.cwd, sources: () => "" }
  if (files !== undefined) {
    const all = await listedTargets(files, call)
    return { targets: choose(all, limit ?? "all"), loaded: none, remembered: false }
  }
  if (hasProgram(call)) {
    refuseOptions(call)
    const loaded = await loadProgram(call)
    const { stage } = call.options
    const all = hostsOf({ program: loaded.program, stage, params: paramsOf(call.options) })
    return { targets: choose(all, limit ?? "all"), loaded, remembered: true }
  }
  if (limit === undefined)
    throw new FettleError("USAGE", "there is neither a program nor a host", {
      next: "name hosts as ssh knows them: fettle exec -l web1,web2 -- uptime",
    })
  return { targets: namedTargets(limit, sshOptionsOf(call)), loaded: none, remembered: false }
}

/** All hosts of some inventories; where one has a host that an earlier one has, the later is meant. */
async function listedTargets(files: readonly string[], call: Call): Promise<readonly ExecTarget[]> {
  const over = sshOptionsOf(call)
  const found = new Map<string, ExecTarget>()
  for (const each of files) {
    const list = each.includes(",")
      ? inventory.hosts(
          each
            .split(",")
            .map((name) => name.trim())
            .filter((name) => name !== ""),
        )
      : await inventory.file(pathToFileURL(resolve(call.around.cwd, each)))
    for (const warning of list.warnings) process.stderr.write(`! ${escapeText(warning)}\n`)
    for (const host of list) {
      const { name, labels } = host
      const connection = Object.keys(over).length === 0 ? host.connection : host.connect({ name, ...over })
      found.set(name, { name, labels, connection })
    }
  }
  return [...found.values()]
}

/** Whether there is a program in the folder, or as `--file` says. */
export function hasProgram({ options, around }: Call): boolean {
  if (options.file !== undefined) return true
  try {
    findFile(undefined, around.cwd)
    return true
  } catch {
    return false
  }
}

/** Plain names, as ssh takes them. */
function namedTargets(limit: string, options: SshOptions): readonly ExecTarget[] {
  const names = [...new Set(limit.split(",").map((name) => name.trim()))].filter((name) => name !== "")
  for (const name of names)
    if (/^[!&]|[*?]/.test(name))
      throw new FettleError(
        "LIMIT_UNKNOWN",
        `${JSON.stringify(name)} is a pattern, and there is nothing to choose from`,
        {
          next: "name hosts as ssh knows them",
        },
      )
  return names.map((name) => ({ name, labels: [], connection: named(name, options) }))
}

/** A container, or what ssh reaches. @throws FettleError `USAGE`, `PROPS_INVALID` */
function named(name: string, options: SshOptions): ExecTarget["connection"] {
  const found = containerOf(name)
  if (found === undefined) return ssh(name, options)
  if (Object.keys(options).length > 0)
    throw new FettleError("USAGE", "--become, --user and --config are for hosts behind ssh, not for containers", {
      next: `name the user with it: ${name.replace("docker://", "docker://root@").slice(0, 80)}`,
    })
  return container(found.container, { name, ...(found.user !== undefined && { user: found.user }) })
}

/** What the command line says of the way to hosts. */
function sshOptionsOf({ options }: Call): SshOptions {
  const { config, user, becomeUser, askBecomePassword } = options
  const becomes = options.become === true || becomeUser !== undefined || askBecomePassword === true
  const password =
    askBecomePassword === true ? { password: secret.prompt("sudo", { question: "Password for sudo: " }) } : {}
  const become = { by: "sudo" as const, ...(becomeUser === undefined ? {} : { user: becomeUser }), ...password }
  return {
    ...(config === undefined ? {} : { config }),
    ...(user === undefined ? {} : { user }),
    ...(becomes ? { become } : {}),
  }
}

/** The hosts of a program say themselves how they are reached. @throws FettleError `USAGE` */
function refuseOptions(call: Call): void {
  if (Object.keys(sshOptionsOf(call)).length === 0) return
  throw new FettleError("USAGE", "the hosts of a program are reached as the program says", {
    next: "leave out --become, --user and --config, or run it from another folder",
  })
}
