import { accessSync, constants, statSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { ssh } from "../connect/host/ssh.ts"
import { printedBy } from "../connect/inherited.ts"
import { here } from "../program/place.ts"
import { readAnsibleIni } from "./ansible-ini.ts"
import { readAnsibleJson } from "./ansible-json.ts"
import { ansibleWay } from "./ansible-way.ts"
import { readAnsibleYaml } from "./ansible-yaml.ts"
import { absolute, filesOf, folderVars, INCLUDES_MAX, inventoryFilesIn, readText } from "./files.ts"
import { type Given, givenHosts, partsOf } from "./given.ts"
import { inherit } from "./inherit.ts"
import { type HostParts, type Inventory, makeInventory } from "./inventory.ts"
import { invalid, RawInventory } from "./raw.ts"
import { namesInSshConfig } from "./ssh-config.ts"
import { yamlData } from "./yaml.ts"

/** Longest time that a command may take to print an inventory: it may ask a cloud. */
const COMMAND_MS = 120_000
/** Most that it may print. */
const PRINTED_MAX = 64 * 1_048_576

/**
 * Who is there: hosts by name with groups and tags, from code, ssh_config, Ansible's inventories, or a command. Read before the
 * program is declared, with `await`; a relative path begins at the file that calls.
 * @example const fleet = await inventory.ansible("hosts.ini")
 */
export const inventory = {
  /** Hosts as they are written here. @throws FettleError `INVENTORY_INVALID` */
  hosts: (list: readonly Given[]): Inventory => makeInventory(givenHosts(list, "inventory.hosts(…)")),
  /** The hosts that an ssh_config names; ssh itself reads all that it says of them. Default: your own. */
  sshConfig: (path?: string | URL): Inventory => {
    const own = absolute("~/.ssh/config", "/")
    return makeInventory(
      sshConfigHosts(path === undefined ? own : pathOf(path, inventory.sshConfig), path !== undefined),
    )
  },
  /** An inventory of Ansible's: INI, YAML, JSON, or a folder of them; `group_vars` and `host_vars` beside it. */
  ansible: (path: string | URL): Promise<Inventory> => ansibleInventory(pathOf(path, inventory.ansible)),
  /** What a command prints: a list of hosts, or what Ansible's inventory scripts print. It has the environment that fettle has. */
  command: (command: readonly [string, ...string[]]): Promise<Inventory> => commandInventory(command),
  /** Whichever of these a file is, by what stands in it; an executable script is run with `--list`. */
  file: (path: string | URL): Promise<Inventory> => fileInventory(pathOf(path, inventory.file)),
} as const

function pathOf(path: string | URL, below: (...args: never[]) => unknown): string {
  if (path instanceof URL || path.startsWith("file:")) return fileURLToPath(path)
  const { file } = here(below).place
  return absolute(path, file === "" ? "." : dirname(file))
}

async function fileInventory(path: string): Promise<Inventory> {
  if (isFolder(path)) return ansibleInventory(path)
  const text = readText(path)
  if (isScript(path, text)) return commandInventory([path, "--list"])
  if (/\.json$/.test(path)) return inventoryIn(jsonData(text, path), path)
  if (!/\.(?:ya?ml|ini)$/.test(path) && /^[ \t]*(?:Host|Match|Include)(?:[ \t]+|[ \t]*=)/im.test(text))
    return makeInventory(sshConfigHosts(path, true))
  return ansibleInventory(path)
}

async function commandInventory(command: readonly [string, ...string[]]): Promise<Inventory> {
  const printed = await printedBy(command, { timeoutMs: COMMAND_MS, bytesMax: PRINTED_MAX })
  return inventoryIn(jsonData(printed, command.join(" ")), command.join(" "))
}

/** JSON that is either a list of hosts or what Ansible's scripts print. */
function inventoryIn(data: unknown, where: string): Inventory {
  if (Array.isArray(data)) return makeInventory(givenHosts(data as readonly Given[], where))
  const raw = new RawInventory()
  readAnsibleJson(data, where, raw)
  return makeInventory(ansibleHosts(raw, NO_FOLDERS, where))
}

const NO_FOLDERS = { group: () => ({}), host: () => ({}) }

async function ansibleInventory(path: string): Promise<Inventory> {
  const raw = new RawInventory()
  const warnings: string[] = []
  const isMany = isFolder(path)
  for (const file of isMany ? inventoryFilesIn(path) : [path]) {
    const text = readText(file)
    if (isMany && isScript(file, text))
      readAnsibleJson(
        jsonData(await printedBy([file, "--list"], { timeoutMs: COMMAND_MS, bytesMax: PRINTED_MAX }), file),
        file,
        raw,
      )
    else if (/\.json$/.test(file)) readAnsibleJson(jsonData(text, file), file, raw)
    else if (/\.ya?ml$/.test(file) || /^(?:---|all:)\s*$/m.test(text))
      readAnsibleYaml(await yamlData(text, file), file, raw)
    else readAnsibleIni(text, file, raw)
  }
  const folders = await folderVars(isMany ? path : dirname(path), (text) => warnings.push(text))
  return makeInventory(ansibleHosts(raw, folders, path), warnings)
}

function ansibleHosts(raw: RawInventory, folders: Parameters<typeof inherit>[1], where: string): readonly HostParts[] {
  return inherit(raw, folders, where).map(
    ({ name, groups, vars }): HostParts => ({ name, groups, vars, way: () => ansibleWay(name, vars) }),
  )
}

/** @param isOther the file is not the one that ssh reads by itself */
function sshConfigHosts(path: string, isOther: boolean): readonly HostParts[] {
  const names = new Set<string>()
  const read = (file: string, depth: number): void => {
    if (depth > INCLUDES_MAX) throw invalid(file, "files include each other without end")
    const { hosts, includes } = namesInSshConfig(readText(file))
    for (const name of hosts) names.add(name)
    for (const include of includes)
      for (const each of filesOf(absolute(include, absolute("~/.ssh", "/")))) read(each, depth + 1)
  }
  read(path, 0)
  const config = isOther ? { config: path } : {}
  return [...names].map((name) => partsOf(name, { connect: (options) => ssh(name, { ...config, ...options }) }))
}

function jsonData(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw invalid(where, `it is no JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** A file that may be run, and says by what. */
function isScript(path: string, text: string): boolean {
  if (!text.startsWith("#!") && !text.startsWith("\u007fELF")) return false
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
