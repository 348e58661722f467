import { homedir } from "node:os"
import { join } from "node:path"
import { local } from "../connect/host/local.ts"
import { ssh } from "../connect/host/ssh.ts"
import type { Become, SshOptions } from "../connect/host/ssh-line.ts"
import { FettleError } from "../errors.ts"
import { Secret } from "../secrets/secret.ts"
import type { Way } from "./inventory.ts"
import type { Vars } from "./raw.ts"

/** Variables that would put words into the command line of ssh or sudo, or choose the program that is run. */
const ARGUMENTS = [
  "ansible_ssh_common_args",
  "ansible_ssh_extra_args",
  "ansible_ssh_args",
  "ansible_ssh_executable",
  "ansible_become_flags",
  "ansible_become_exe",
  "ansible_sudo_flags",
  "ansible_sudo_exe",
] as const

/** Connections of Ansible's that are ssh. */
const SSH = ["ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh"]

/**
 * How Ansible's variables say that a host is reached.
 * @throws FettleError `INVENTORY_OPTION` for what cannot be taken over, or must not be
 */
export function ansibleWay(name: string, vars: Vars): Way {
  for (const option of ARGUMENTS)
    if (String(vars[option] ?? "").trim() !== "")
      throw refused(
        name,
        option,
        "it would put words of an inventory onto a command line",
        "say it in ssh_config (ProxyJump, ControlPath, …), which Fettle reads",
      )
  const connection = textOf(name, vars, "ansible_connection") ?? "ssh"
  if (connection === "local" || connection === "ansible.builtin.local")
    return { connect: (options) => local({ name: options.name ?? name, tags: options.tags ?? [] }) }
  if (!SSH.includes(connection))
    throw refused(name, "ansible_connection", `${connection} is not ssh`, "reach it by ssh")
  const destination = textOf(name, vars, "ansible_host", "ansible_ssh_host") ?? name
  const options = optionsOf(name, vars)
  return { connect: (more) => ssh(destination, { ...options, ...more }) }
}

function optionsOf(name: string, vars: Vars): SshOptions {
  const user = textOf(name, vars, "ansible_user", "ansible_ssh_user")
  const port = textOf(name, vars, "ansible_port", "ansible_ssh_port")
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536))
    throw refused(name, "ansible_port", `${JSON.stringify(port)} is no port`, "write a number from 1 to 65535")
  const key = textOf(name, vars, "ansible_ssh_private_key_file", "ansible_private_key_file")
  const become = becomeOf(name, vars)
  return {
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(key === undefined ? {} : { identityFile: key.startsWith("~/") ? join(homedir(), key.slice(2)) : key }),
    ...(become === undefined ? {} : { become }),
  }
}

function becomeOf(name: string, vars: Vars): Become | undefined {
  if (!/^(?:true|yes|on|y|t|1)$/i.test(textOf(name, vars, "ansible_become") ?? "")) return undefined
  const by = textOf(name, vars, "ansible_become_method") ?? "sudo"
  const user = textOf(name, vars, "ansible_become_user")
  const other = user === undefined ? {} : { user }
  const method = by.replace(/^(?:ansible\.builtin|community\.general)\./, "")
  if (method === "doas") return { by: "doas", ...other }
  if (method !== "sudo")
    throw refused(name, "ansible_become_method", `${by} is neither sudo nor doas`, "use one of these")
  const password = textOf(name, vars, "ansible_become_password", "ansible_become_pass")
  if (password === undefined) return { by: "sudo", ...other }
  return {
    by: "sudo",
    ...other,
    password: new Secret<string>(`become password of ${name}`, { type: "value", value: password }, { weak: true }),
  }
}

/** A variable as a text. A template or something sealed by Ansible's vault cannot be read here. */
function textOf(name: string, vars: Vars, ...options: readonly string[]): string | undefined {
  for (const option of options) {
    const value = vars[option]
    if (value === undefined || value === null || value === "") continue
    if (typeof value === "object") throw refused(name, option, "it is not a text", "write it as one")
    const text = String(value)
    if (/\{\{|\{%/.test(text))
      throw refused(
        name,
        option,
        "it is a template",
        "write the value itself, or give what `ansible-inventory --list` prints",
      )
    if (text.startsWith("$ANSIBLE_VAULT"))
      throw refused(
        name,
        option,
        "it is sealed by Ansible's vault",
        "keep it where secret.file or secret.command can read it",
      )
    return text
  }
  return undefined
}

function refused(name: string, option: string, fact: string, next: string): FettleError {
  return new FettleError("INVENTORY_OPTION", `${name}: ${option} is not taken: ${fact}`, { next })
}
