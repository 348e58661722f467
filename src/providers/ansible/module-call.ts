import { FettleError } from "../../errors.ts"
import type { Json } from "../../provider.ts"
import type { Secret } from "../../secrets/secret.ts"

/** A value of an argument: plain data with secrets in it. */
export type Arg = Json | Secret<unknown> | readonly Arg[] | { readonly [name: string]: Arg }
export type Args = Readonly<Record<string, Arg>>

/** A module that may be run, where what it needs is there: a path, or "" for anywhere. */
export interface Choice {
  readonly where: string
  readonly name: string
  /** Arguments that it does not know. */
  readonly without: readonly string[]
}

/** What is to be run for what was declared. */
export interface ModuleParts {
  readonly choices: readonly Choice[]
  readonly args: Args
  /** What the file named by `src` of the call holds. */
  readonly sends?: { readonly content: Arg } | { readonly local: string }
}

const anywhere = (name: string): readonly Choice[] => [{ where: "", name, without: [] }]
const where = (path: string, name: string, without: readonly string[] = []): Choice => ({ where: path, name, without })

/** Which module does the work on a host: what Ansible finds out on its controller, by the same signs. */
const CHOSEN: Readonly<Record<string, readonly Choice[]>> = {
  package: [
    where("/usr/bin/apt-get", "apt", ["use"]),
    where("/usr/bin/dnf5", "dnf5", ["use"]),
    where("/usr/bin/dnf", "dnf", ["use"]),
    where("/sbin/apk", "community.general.apk", ["use"]),
    where("/usr/bin/zypper", "community.general.zypper", ["use"]),
    where("/usr/bin/pacman", "community.general.pacman", ["use"]),
  ],
  service: [
    where("/run/systemd/system", "systemd", ["use", "pattern", "runlevel", "sleep", "arguments", "args"]),
    where("", "service", ["use"]),
  ],
  dnf: [where("/usr/bin/dnf5", "dnf5", ["use", "use_backend"]), where("", "dnf", ["use"])],
  yum: [where("/usr/bin/dnf5", "dnf5", ["use", "use_backend"]), where("", "dnf", ["use"])],
  gather_facts: anywhere("setup"),
}

/** Modules that are steps of a playbook, or whose work is done on the controller, and what does it here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  template: "host.file with template: or content: makes it here, and its plan shows the difference",
  fetch: 'lookup(ansible.module, "NAME", { module: "slurp", args: { src } }) reads a file of the host',
  script: "host.command with script: runs a script there",
  raw: "host.command runs without Python",
  "ansible.posix.synchronize": "host.tree sends a folder",
  reboot: "let ansible.playbook run it",
  ...Object.fromEntries(
    [
      "add_host assert async_status debug fail group_by include_role include_tasks include_vars import_playbook import_role",
      "import_tasks include meta pause set_fact set_stats validate_argument_spec wait_for_connection",
    ]
      .flatMap((each) => each.split(" "))
      .map((name) => [name, "a program says it in TypeScript; or let ansible.playbook run it"]),
  ),
}

/**
 * What is to be run for a module and its arguments. Pure.
 * @throws FettleError `ANSIBLE_MODULE` where only a playbook can run it
 */
export function modulePartsOf(module: string, args: Args): ModuleParts {
  const name = shortName(module)
  const elsewhere = ELSEWHERE[name]
  if (elsewhere !== undefined)
    throw new FettleError("ANSIBLE_MODULE", `${module} does its work on the controller`, { next: elsewhere })
  if (name === "command" || name === "shell") {
    const { cmd, ...rest } = args
    const raw = cmd === undefined ? {} : { _raw_params: cmd }
    return {
      choices: anywhere("command"),
      args: { ...rest, ...raw, ...(name === "shell" ? { _uses_shell: true } : {}) },
    }
  }
  if (name === "copy" && args.remote_src !== true) return copied(args)
  if (["unarchive", "assemble", "uri"].includes(name) && args.src !== undefined && args.remote_src !== true)
    throw new FettleError(
      "ANSIBLE_MODULE",
      `${module} would send ${name === "assemble" ? "files" : "a file"} from here`,
      {
        next: "send it with host.file or host.tree, and say remote_src: true with its path on the host",
      },
    )
  return { choices: CHOSEN[name] ?? anywhere(module), args }
}

/** `ansible.builtin.copy` and `copy` are one module. */
export function shortName(module: string): string {
  return module.replace(/^ansible\.(builtin|legacy)\./, "")
}

/** A copy from here: its contents travel with the call. */
function copied({ src, content, ...args }: Args): ModuleParts {
  const choices = anywhere("copy")
  if (content !== undefined) return { choices, args, sends: { content } }
  if (typeof src !== "string")
    throw new FettleError("ANSIBLE_ARGS", "copy needs src, a file of this machine, or content")
  return { choices, args: { _original_basename: src.slice(src.lastIndexOf("/") + 1), ...args }, sends: { local: src } }
}
