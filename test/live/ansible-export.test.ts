import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { main, place } from "../cli/fettle.ts"
import { realAnsible } from "../support/ansible.ts"
import { testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"

const real = realAnsible()

/** What the JSON callback of Ansible tells of one task on one host. */
interface Told {
  readonly changed: boolean
  readonly failed?: boolean
  readonly msg?: string
  readonly code?: string
  readonly diff?: { readonly before?: string; readonly after?: string; readonly prepared?: string }
}

describe.skipIf(real === undefined)("kinds that a playbook calls", { timeout: 180_000 }, () => {
  afterAll(stopHosts)

  /** A folder with a playbook of these tasks, the exported modules beside it, and how to play it. */
  async function playbook(kinds: readonly string[], head: string, tasks: string) {
    const at = place()
    const exported = await at.fettle(["ansible", "export", ...kinds, "--into", "play"])
    expect(exported.code, exported.text).toBe(0)
    const write = (text: string): void =>
      at.write("play/site.yml", `- hosts: all\n  gather_facts: false\n${head}  tasks:\n${text}`)
    write(tasks)
    const play = (inventory: string, ...words: readonly string[]): { all: readonly Told[]; text: string } => {
      const { stdout, stderr } = spawnSync(
        join(real?.venv ?? "", "bin", "ansible-playbook"),
        ["-i", inventory, "site.yml", "-e", JSON.stringify({ fettle_command: [process.execPath, main] }), ...words],
        {
          cwd: at.path("play"),
          encoding: "utf8",
          env: {
            PATH: process.env.PATH,
            HOME: at.path("home"),
            ANSIBLE_STDOUT_CALLBACK: "ansible.posix.json",
            ANSIBLE_COLLECTIONS_PATH: real?.collections,
          },
        },
      )
      const from = stdout.indexOf("{\n")
      const told = from < 0 ? undefined : JSON.parse(stdout.slice(from))
      const all = (told?.plays ?? []).flatMap(({ tasks: done }: { tasks: { hosts: Record<string, Told> }[] }) =>
        done.flatMap(({ hosts }) => Object.values(hosts)),
      )
      return { all, text: stdout + stderr }
    }
    return { at, write, play }
  }

  test("check mode and diff tell what a run then does; the second run changes nothing; drift is told", async () => {
    const folder = testFolder()
    const { play } = await playbook(
      ["host.file", "host.line", "host.directory"],
      "  connection: local\n",
      `    - fettle_file: { path: "${folder}/conf", content: "port = 80\\n", mode: "0640" }
    - fettle_line: { path: "${folder}/conf2", line: "host = {{ inventory_hostname }}", create: "0644" }
    - fettle_directory: { path: "${folder}/a/b", parents: "{{ 'yes' }}" }
`,
    )
    const checked = play("localhost,", "--check", "--diff")
    expect(
      checked.all.map(({ changed }) => changed),
      checked.text,
    ).toEqual([true, true, true])
    expect(JSON.stringify(checked.all[0]?.diff)).toContain("port = 80")
    expect(existsSync(join(folder, "conf"))).toBe(false)
    const first = play("localhost,")
    expect(
      first.all.map(({ changed }) => changed),
      first.text,
    ).toEqual([true, true, true])
    expect(readFileSync(join(folder, "conf"), "utf8")).toBe("port = 80\n")
    expect(statSync(join(folder, "conf")).mode & 0o777).toBe(0o640)
    expect(readFileSync(join(folder, "conf2"), "utf8")).toBe("host = localhost\n")
    expect(play("localhost,").all).toMatchObject([{ changed: false }, { changed: false }, { changed: false }])
    chmodSync(join(folder, "conf"), 0o644)
    const drifted = play("localhost,", "--check", "--diff")
    expect(drifted.all).toMatchObject([{ changed: true }, { changed: false }, { changed: false }])
    expect(drifted.all[0]?.diff).toEqual({ before: 'mode: "0644"\n', after: 'mode: "0640"\n' })
    expect(play("localhost,").all).toMatchObject([{ changed: true }, { changed: false }, { changed: false }])
    expect(play("localhost,").all).toMatchObject([{ changed: false }, { changed: false }, { changed: false }])
  })

  test("what cannot be is a failed task with its reason", async () => {
    const folder = testFolder()
    mkdirSync(join(folder, "full"))
    writeFileSync(join(folder, "full", "x"), "x")
    const cases = [
      [`{ path: "${folder}/no/such/f", content: "x" }`, /no.such/],
      [`{ path: "relative", content: "x" }`, /path/],
      [`{ path: "${folder}/f", contents: "x" }`, /contents/],
      [`{ path: "${folder}/full", content: "x" }`, /./],
    ] as const
    for (const [props, words] of cases) {
      const { play } = await playbook(["host.file"], "  connection: local\n", `    - fettle_file: ${props}\n`)
      const { all, text } = play("localhost,")
      expect(all, text).toMatchObject([{ failed: true, changed: false, msg: expect.stringMatching(words) }])
    }
    const at = place()
    const none = await at.fettle(["ansible", "export", "docker.container"])
    expect(none.text).toContain("no kind that playbooks can call")
  })

  test.skipIf(!canStartHosts())(
    "over ssh, as the task's user and as root, with what is secret in no argument list",
    async () => {
      const web = await SshHost.start("web1", {
        users: [{ name: "deploy" }],
        sudoers: ["deploy ALL=(root) NOPASSWD: ALL"],
      })
      const folder = testFolder()
      chmodSync(folder, 0o1777)
      const { at, play } = await playbook(
        ["host.file"],
        `  vars: { fettle_ssh_config: "${web.config}" }\n`,
        `    - fettle_file: { path: "${folder}/mine", content: "{{ token }}" }
      no_log: true
    - fettle_file: { path: "${folder}/roots", content: "x" }
      become: true
`,
      )
      at.write("play/hosts", "web1 ansible_user=deploy\n")
      const ran = play("hosts", "-e", JSON.stringify({ token: "swordfish-of-a-playbook" }))
      expect(
        ran.all.map(({ changed }) => changed),
        ran.text,
      ).toEqual([true, true])
      expect(statSync(join(folder, "mine")).uid).not.toBe(0)
      expect(statSync(join(folder, "roots")).uid).toBe(0)
      expect(readFileSync(join(folder, "mine"), "utf8")).toBe("swordfish-of-a-playbook")
      expect(ran.text).not.toContain("swordfish")
      at.write("play/hosts", "web1 ansible_user=deploy ansible_ssh_common_args='-o ProxyCommand=x'\n")
      expect(play("hosts").all[0]).toMatchObject({ failed: true })
    },
  )
})
