import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { textOf } from "../measure.ts"
import { ansible, peerEnv, pyinfra, salt } from "../peers/install.mjs"
import { makeFolder } from "./fleet.ts"
import { DAEMON, extras, type Job, keepRunning, PACKAGES, type Ready, TARGET, type Tool } from "./job.ts"

/** The hosts' own Python: what a shim of this machine would take is not theirs. */
export const HOST_PYTHON = "/usr/bin/python3"

/** The tools that `bench/hosts` runs beside Fettle, installed at first need. @throws Error that says what to install */
export function peers(): readonly Tool[] {
  const installed = { ansible: ansible(), pyinfra: pyinfra(), salt: salt() }
  if (!existsSync(HOST_PYTHON))
    throw new Error(`Ansible and Salt need ${HOST_PYTHON} on a host: apt-get install python3`)
  return [
    { name: installed.ansible.name, ready: (job) => readyAnsible(job, installed.ansible.folder, {}) },
    {
      name: installed.ansible.mitogen,
      ready: (job) =>
        readyAnsible(job, installed.ansible.folder, {
          ANSIBLE_STRATEGY: "mitogen_linear",
          ANSIBLE_STRATEGY_PLUGINS: installed.ansible.strategies,
        }),
    },
    { name: installed.pyinfra.name, ready: (job) => readyPyinfra(job, installed.pyinfra.folder) },
    { name: installed.salt.name, ready: (job) => readySalt(job, installed.salt.folder) },
  ]
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n` // is YAML, too

function readyAnsible({ folder, reached, from, names, mixed }: Job, venv: string, more: Record<string, string>): Ready {
  const control = makeFolder(join(folder, "cp"))
  const hosts = reached.hosts.map(({ name }) => `${name} ansible_python_interpreter=${HOST_PYTHON}\n`)
  writeFileSync(join(folder, "inventory"), hosts.join(""))
  const files = {
    copy: { src: `${from}/{{ item }}`, dest: `${TARGET}/{{ item }}`, mode: "0640" },
    loop: names,
  }
  const mixedTasks = [
    { file: { path: `${TARGET}/d{{ item }}`, state: "directory", mode: "0750" }, loop: extras },
    { file: { src: "f{{ item }}.conf", path: `${TARGET}/l{{ item }}`, state: "link" }, loop: extras },
    { shell: keepRunning(`${TARGET}/p`), changed_when: false },
    { apt: { name: PACKAGES } },
    { systemd_service: { name: DAEMON, state: "started", enabled: true } },
  ]
  const tasks = mixed ? [files, ...mixedTasks] : [files]
  writeFileSync(join(folder, "play.yml"), json([{ hosts: "all", gather_facts: false, tasks }]))
  return {
    argv: [join(venv, "bin/ansible-playbook"), "-i", "inventory", "play.yml"],
    env: {
      ...home(folder),
      ANSIBLE_PIPELINING: "1",
      ANSIBLE_FORKS: String(reached.hosts.length),
      ANSIBLE_SSH_ARGS: `-F ${reached.config} -o ControlMaster=auto -o ControlPersist=60s`,
      ANSIBLE_SSH_CONTROL_PATH_DIR: control,
      ANSIBLE_NOCOLOR: "1",
      ...more,
    },
    cwd: folder,
    lingers: true,
    forget: () => {
      for (const name of readdirSync(control)) {
        const socket = join(control, name)
        textOf(["sh", "-c", `ssh -F /dev/null -O exit -o ControlPath=${socket} none 2>&1 || rm -f ${socket}`])
      }
    },
  }
}

function readyPyinfra({ folder, reached, from, names, mixed }: Job, venv: string): Ready {
  makeFolder(folder)
  const hosts = reached.hosts.map(({ name, port, key }) => [
    name,
    {
      ssh_hostname: "127.0.0.1",
      ssh_port: port,
      ssh_user: "root",
      ssh_key: key,
      ssh_known_hosts_file: reached.knownHosts,
      ssh_strict_host_key_checking: "yes",
    },
  ])
  const rows = hosts.map(([name, at]) => `(${JSON.stringify(name)}, ${JSON.stringify(at)})`)
  writeFileSync(join(folder, "inventory.py"), `hosts = [${rows.join(", ")}]\n`)
  const lines = [
    "from pyinfra.operations import apt, files, server, systemd",
    `for name in ${JSON.stringify(names)}:`,
    `    files.put(name=name, src="${from}/" + name, dest="${TARGET}/" + name, mode="640")`,
  ]
  const mixedLines = [
    `for at in range(${extras.length}):`,
    `    files.directory(path=f"${TARGET}/d{at}", mode="750")`,
    `    files.link(path=f"${TARGET}/l{at}", target=f"f{at}.conf")`,
    `server.shell(commands=[${JSON.stringify(keepRunning(`${TARGET}/p`))}])`,
    `apt.packages(packages=${JSON.stringify(PACKAGES)})`,
    `systemd.service(service=${JSON.stringify(DAEMON)}, running=True, enabled=True)`,
  ]
  writeFileSync(join(folder, "deploy.py"), `${[...lines, ...(mixed ? mixedLines : [])].join("\n")}\n`)
  return { argv: [join(venv, "bin/pyinfra"), "-y", "inventory.py", "deploy.py"], env: home(folder), cwd: folder }
}

function readySalt({ folder, reached, from, names, mixed }: Job, venv: string): Ready {
  const states = makeFolder(join(folder, "states"))
  rmSync(join(states, "files"), { recursive: true, force: true })
  for (const name of names) cpSync(join(from, name), join(states, "files", name))
  const wanted = Object.fromEntries([
    ...names.map((name) => [
      `${TARGET}/${name}`,
      { "file.managed": [{ source: `salt://files/${name}` }, { mode: "0640" }] },
    ]),
    ...(mixed ? mixedStates() : []),
  ])
  writeFileSync(join(states, "bench.sls"), json(wanted))
  const master = {
    root_dir: folder,
    user: "root",
    file_roots: { base: [states] },
    pillar_roots: { base: [makeFolder(join(folder, "pillar"))] },
    roster_file: join(folder, "roster"),
    ssh_log_file: join(folder, "ssh.log"),
    ssh_max_procs: reached.hosts.length,
  }
  writeFileSync(join(folder, "master"), json(master))
  const roster = Object.fromEntries(reached.hosts.map((host) => [host.name, rosterEntry(host, reached.knownHosts)]))
  writeFileSync(master.roster_file, json(roster))
  return {
    argv: [join(venv, "bin/salt-ssh"), "-c", folder, "--no-color", "--state-output=terse", "*", "state.apply", "bench"],
    env: home(folder),
    cwd: folder,
  }
}

function mixedStates(): readonly (readonly [string, unknown])[] {
  return [
    ...extras.flatMap((at) => [
      [`${TARGET}/d${at}`, { "file.directory": [{ mode: "0750" }] }] as const,
      [`${TARGET}/l${at}`, { "file.symlink": [{ target: `f${at}.conf` }] }] as const,
    ]),
    ["running", { "cmd.run": [{ name: keepRunning(`${TARGET}/p`) }] }],
    ["packages", { "pkg.installed": [{ pkgs: PACKAGES }] }],
    [DAEMON, { "service.running": [{ enable: true }, { require: [{ pkg: "packages" }] }] }],
  ]
}

/** Grains that ask name servers and look for graphics cards are off, as its documentation advises where calls are slow. */
function rosterEntry({ port, key }: { readonly port: number; readonly key: string }, knownHosts: string): unknown {
  return {
    host: "127.0.0.1",
    port,
    user: "root",
    priv: key,
    ssh_options: [`UserKnownHostsFile=${knownHosts}`, "GlobalKnownHostsFile=/dev/null"],
    minion_opts: { enable_fqdns_grains: false, enable_gpu_grains: false },
  }
}

function home(folder: string): Record<string, string> {
  return {
    ...(peerEnv as Record<string, string>),
    HOME: makeFolder(join(folder, "home")),
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
  }
}
