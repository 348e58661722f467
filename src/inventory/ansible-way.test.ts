import { homedir } from "node:os"
import { expect, test } from "vitest"
import { ansibleWay } from "./ansible-way.ts"
import type { Vars } from "./raw.ts"

const targetOf = (vars: Vars): string => ansibleWay("web1", vars).connect({ name: "web1" }).target

test.each<[Vars, string]>([
  [{}, "web1"],
  [{ ansible_host: "10.0.0.1" }, "10.0.0.1"],
  [{ ansible_ssh_host: "10.0.0.1", ansible_connection: "paramiko" }, "10.0.0.1"],
  [{ ansible_become: true }, "web1 as root"],
  [{ ansible_become: "yes", ansible_become_user: "app", ansible_become_method: "doas" }, "web1 as app"],
  [{ ansible_become: "no", ansible_become_user: "app" }, "web1"],
  [{ ansible_connection: "local" }, "this machine"],
  [{ ansible_ssh_common_args: "  ", ansible_python_interpreter: "/usr/bin/python3" }, "web1"],
])("%j is %s", (vars, target) => {
  expect(targetOf(vars)).toBe(target)
})

test("a password for become is a secret of the connection, and in no text", () => {
  const connection = ansibleWay("web1", { ansible_become: 1, ansible_become_pass: "hunter2" }).connect({})
  expect(connection.secrets.map(({ name }) => name)).toEqual(["become password of web1"])
  expect(JSON.stringify(connection)).not.toContain("hunter2")
})

test.each<[Vars, string]>([
  [{ ansible_ssh_common_args: "-o ProxyCommand='touch /tmp/x'" }, "INVENTORY_OPTION"],
  [{ ansible_ssh_extra_args: "-vvv" }, "INVENTORY_OPTION"],
  [{ ansible_ssh_args: "-F /tmp/evil" }, "INVENTORY_OPTION"],
  [{ ansible_ssh_executable: "/tmp/ssh" }, "INVENTORY_OPTION"],
  [{ ansible_become_flags: "-E" }, "INVENTORY_OPTION"],
  [{ ansible_become_exe: "/tmp/sudo" }, "INVENTORY_OPTION"],
  [{ ansible_become: true, ansible_become_method: "su" }, "INVENTORY_OPTION"],
  [{ ansible_connection: "winrm" }, "INVENTORY_OPTION"],
  [{ ansible_host: "{{ inventory_hostname }}.x" }, "INVENTORY_OPTION"],
  [{ ansible_become: true, ansible_become_password: "$ANSIBLE_VAULT;1.1;AES256\n36" }, "INVENTORY_OPTION"],
  [{ ansible_host: ["a"] }, "INVENTORY_OPTION"],
  [{ ansible_host: "-oProxyCommand=touch x" }, "PROPS_INVALID"],
  [{ ansible_host: "a b" }, "PROPS_INVALID"],
  [{ ansible_host: "$(touch x)" }, "PROPS_INVALID"],
  [{ ansible_user: "-oProxyCommand=x" }, "PROPS_INVALID"],
  [{ ansible_user: "a;touch x" }, "PROPS_INVALID"],
  [{ ansible_port: "22 -oProxyCommand=x" }, "INVENTORY_OPTION"],
  [{ ansible_port: 0 }, "INVENTORY_OPTION"],
  [{ ansible_ssh_private_key_file: "-oProxyCommand=x" }, "PROPS_INVALID"],
  [{ ansible_ssh_private_key_file: "a\nb" }, "PROPS_INVALID"],
  [{ ansible_become: true, ansible_become_user: "root -- sh" }, "PROPS_INVALID"],
])("%j is refused", (vars, code) => {
  expect(() => targetOf(vars)).toThrow(expect.objectContaining({ code }))
})

test("what is no port is told as it was written", () => {
  expect(() => targetOf({ ansible_port: "ssh" })).toThrow('ansible_port is not taken: "ssh" is no port')
})

test("the home folder stands for ~ in the path of a key", () => {
  expect(() => targetOf({ ansible_ssh_private_key_file: "~/.ssh/id" })).not.toThrow()
  expect(homedir()).toMatch(/^\//)
})
