import { readdirSync, readFileSync, statSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { causeText, FettleError } from "../errors.ts"
import type { FolderVars } from "./inherit.ts"
import { invalid, objectIn, type Vars } from "./raw.ts"
import { yamlData } from "./yaml.ts"

/** Largest file of an inventory: 100,000 hosts fit in a fraction of it. */
const SIZE_MAX = 64 * 1_048_576
/** Deepest nesting of Include in ssh_config, as ssh has it. */
export const INCLUDES_MAX = 16

/** @throws FettleError `INVENTORY_INVALID` */
export function readText(path: string): string {
  try {
    if (statSync(path).size > SIZE_MAX) throw invalid(path, `it has more than ${SIZE_MAX} bytes`)
    return readFileSync(path, "utf8")
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    throw invalid(path, `it cannot be read: ${causeText(thrown)}`, thrown)
  }
}

/** A path as it was written: `~` is the home folder, what is relative begins at `base`. */
export function absolute(path: string, base: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : resolve(base, path)
}

/** Files that a path names: globs stand in its last part. */
export function filesOf(pattern: string): readonly string[] {
  if (!/[*?]/.test(pattern)) return isFile(pattern) ? [pattern] : []
  const folder = dirname(pattern)
  const source = pattern
    .slice(folder.length + 1)
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replaceAll("?", ".")
  const glob = new RegExp(`^${source}$`, "s")
  return namesIn(folder)
    .filter((name) => glob.test(name) && !name.startsWith("."))
    .map((name) => join(folder, name))
    .filter(isFile)
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Names of a folder in order; none where there is no folder. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** `group_vars` and `host_vars` beside an inventory. A file that Ansible's vault has sealed as a whole is left out, with a warning. */
export async function folderVars(base: string, warn: (text: string) => void): Promise<FolderVars> {
  const [groups, hosts] = await Promise.all([
    varsIn(join(base, "group_vars"), warn),
    varsIn(join(base, "host_vars"), warn),
  ])
  return { group: (name) => groups.get(name) ?? {}, host: (name) => hosts.get(name) ?? {} }
}

/** `NAME`, `NAME.yml`, `NAME.yaml`, `NAME.json`, or a folder `NAME` of such files. */
async function varsIn(folder: string, warn: (text: string) => void): Promise<ReadonlyMap<string, Vars>> {
  const found = new Map<string, Vars>()
  const add = async (name: string, path: string): Promise<void> => {
    const text = readText(path)
    if (text.startsWith("$ANSIBLE_VAULT")) warn(`${path} is sealed by Ansible's vault and was left out`)
    else found.set(name, { ...found.get(name), ...objectIn(await yamlData(text, path), path, "the file") })
  }
  for (const entry of namesIn(folder).filter(isRead)) {
    const path = join(folder, entry)
    const name = entry.replace(/\.(?:ya?ml|json)$/, "")
    if (isFile(path)) await add(name, path)
    else
      for (const inner of namesIn(path).filter(isRead))
        if (isFile(join(path, inner))) await add(entry, join(path, inner))
  }
  return found
}

/** What Ansible reads of a folder: no hidden files and no copies. */
function isRead(name: string): boolean {
  return !name.startsWith(".") && !/(?:~|\.(?:orig|bak|swp|cfg|retry|pyc|pyo|rpm|md|txt|rst))$/.test(name)
}

/** The files of an inventory that is a folder. */
export function inventoryFilesIn(folder: string): readonly string[] {
  return namesIn(folder)
    .filter((name) => isRead(name) && name !== "group_vars" && name !== "host_vars")
    .map((name) => join(folder, name))
    .filter(isFile)
}
