import type { Command } from "./call.ts"

/** One command: its words, what it takes, and the file that does it, loaded only when it is asked for. */
export interface Entry {
  /** Name and arguments, as commander writes them. */
  readonly usage: string
  readonly about: string
  readonly options?: readonly (readonly [flags: string, about: string])[]
  readonly load: () => Promise<Command>
}

const TARGET = ["--target <address...>", "only these addresses and what they need"] as const
const LIMIT = [
  "-l, --limit <pattern>",
  "only hosts that this chooses: names, groups, tags, globs; ! takes away, & keeps only",
] as const
const REPLACE = ["--replace <address...>", "make these anew even though nothing asks for it"] as const
const REFRESH = ["--refresh-only", "only bring state up to what is observed"] as const
const ABSENT = ["--expect-absent <n>", "it is true that N recorded things are gone"] as const
const DELETES = ["--expect-deletes <n>", "it is meant that N things are deleted"] as const
const OTHER = [
  "--expect-target <connection...>",
  "another machine or account stands behind these, and it is meant",
] as const
const PARALLEL = ["--parallel <n>", "most changes under way at once (default 100)"] as const
const TYPES = ["--types", "check types first, with the project's own typescript"] as const
const DETACH = ["--detach", "go on in the background once it has begun"] as const
const YES = ["-y, --yes", "do not ask"] as const
const LOCAL = ["--local", "this machine in the place of a host"] as const
const REACHING = [
  ["--become <sudo or doas>", "look as root"],
  ["--ask-password", "ask for the password that sudo wants"],
  ["--config <path>", "an ssh_config file instead of your own"],
  ["--port <n>", "where sshd listens, if ssh_config does not say"],
] as const
const ENGINE = [
  ["--docker", "the Docker Engine of this machine, or as DOCKER_HOST and the docker context say"],
  ["--host <address>", "with --docker or docker://NAME: unix://, tcp:// or ssh://user@host"],
  ["--context <name>", "with --docker or docker://NAME: a context of the docker command"],
] as const
const JUNIT = ["--junit <file>", "write checks and tasks as JUnit XML"] as const
const SARIF = ["--sarif <file>", "write what policies have found as SARIF, for code scanning"] as const
const REPORT = ["--report <file>", "write a report of the run as one HTML file"] as const
const PLANNING = [TARGET, LIMIT, REPLACE, REFRESH, TYPES, ABSENT, DELETES, OTHER, PARALLEL]

export const everyDay: readonly Entry[] = [
  {
    usage: "init",
    about: "write a small fettle.ts that works, or the workflow of a CI system",
    options: [["--ci <system>", "github or gitlab: plans of pull requests, approved applies, drift by night"]],
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    usage: "plan",
    about: "show what is not as the program says; change nothing",
    options: [
      ["--out <file>", "save the plan, for fettle apply FILE"],
      ["--expires <duration>", "how long a saved plan may be carried out (default 24h)"],
      ["--check", "exit with 2 where changes are pending"],
      SARIF,
      ["--markdown <file>", "write the plan as Markdown, for a comment on a pull request"],
      ["--untrusted", "run the program behind a wall, without credentials: compare with what state remembers"],
      ["--program <name>", "with --untrusted: whose state it is compared with; a shared store asks for it"],
      ["--timeout <duration>", "with --untrusted: how long the program may take (default 60s)"],
      ["--wall <name>", "with --untrusted: bubblewrap (default), or node, which does not cut the network off"],
      ...PLANNING,
    ],
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  {
    usage: "apply [plan.json]",
    about: "make it so: plan, ask, change, check",
    options: [YES, DETACH, ...PLANNING, JUNIT, SARIF, REPORT],
    load: async () => (await import("./commands/apply.ts")).apply,
  },
  {
    usage: "approve <plan.json>",
    about: "show a saved plan whole and say yes to it with your SSH key",
    options: [
      YES,
      ["--key <file>", "the SSH key to sign with (default: the first of ~/.ssh)"],
      ["--serve [address]", "ask by a link to a page, at this address and port (default 127.0.0.1:0)"],
      ["--for <name>", "with --serve: whose link it is; sealed by the data key, where the stage takes that"],
      ["--expires <duration>", "with --serve: how long the link works (default 15m)"],
      ["--url <https://…>", "with --serve: what stands before it and speaks TLS"],
      ["--link-to <file>", "with --serve: write the link into a file and do not print it"],
    ],
    load: async () => (await import("./commands/approve.ts")).approve,
  },
  {
    usage: "verify",
    about: "ask the checks; change nothing",
    options: [TARGET, LIMIT, JUNIT, REPORT, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).verify,
  },
  {
    usage: "run <task>",
    about: "run one task and what it needs",
    options: [["--force", "run it even though nothing changed"], YES, REPORT, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).run,
  },
  {
    usage: "destroy",
    about: "delete everything that Fettle made",
    options: [YES, TARGET, LIMIT, ABSENT, OTHER, REPORT, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).destroy,
  },
  {
    usage: "rollback <release> [version]",
    about: "send all traffic of a release back to a version that still runs",
    options: [YES, PARALLEL],
    load: async () => (await import("./commands/release.ts")).rollback,
  },
]

export const releaseCommands: readonly Entry[] = [
  {
    usage: "promote <name>",
    about: "let a release that waits for a person go on to all traffic",
    options: [YES, PARALLEL],
    load: async () => (await import("./commands/release.ts")).promote,
  },
  {
    usage: "retry <name>",
    about: "let a version that was rolled back be tried again by the next apply",
    load: async () => (await import("./commands/release.ts")).retry,
  },
]

export const hostCommands: readonly Entry[] = [
  {
    usage: "exec [command...]",
    about: "run a command on many hosts, as in: fettle exec -l web -- uptime",
    options: [
      ["-l, --limit <pattern>", "hosts by name, group, tag or glob; ! takes away, & keeps only (default all)"],
      ["-i, --inventory <file...>", "an inventory (Ansible's, ssh_config, JSON, a script), or names: web1,web2,"],
      ["--shell", "the command is one text for sh"],
      ["--stdin", "give standard input to each of them"],
      ["--timeout <duration>", "limit of the command on one host (default 60s)"],
      ["--become", "as root, by sudo"],
      ["--become-user <name>", "as this user, by sudo"],
      ["-K, --ask-become-password", "ask once for the password that sudo wants"],
      ["--config <path>", "an ssh_config file instead of your own"],
      ["--user <name>", "whom to log in as, if ssh_config does not say"],
      ["--parallel <n>", "most hosts at once (default 100)"],
    ],
    load: async () => (await import("./commands/exec.ts")).exec,
  },
  {
    usage: "shell <host>",
    about: "open a shell on a host of the program, as the user that its connection becomes",
    options: [
      ["-i, --inventory <file...>", "an inventory (Ansible's, ssh_config, JSON, a script), or names: web1,web2,"],
      ["--become", "as root, by sudo"],
      ["--become-user <name>", "as this user, by sudo"],
      [
        "-K, --ask-become-password",
        "sudo wants a password: it is asked for to look who the host is, and sudo asks again",
      ],
      ["--config <path>", "an ssh_config file instead of your own"],
      ["--user <name>", "whom to log in as, if ssh_config does not say"],
    ],
    load: async () => (await import("./commands/shell.ts")).shell,
  },
  {
    usage: "look [host]",
    about: "tell what a server or a Docker Engine is and what is on it; needs no program, writes nothing",
    options: [LOCAL, ...ENGINE, ...REACHING],
    load: async () => (await import("./commands/look.ts")).look,
  },
  {
    usage: "diff [hosts...]",
    about: "show what differs between two servers that should be equal; exit with 2 where they differ",
    options: [LOCAL, ...REACHING],
    load: async () => (await import("./commands/diff.ts")).diff,
  },
  {
    usage: "draft [host]",
    about: "print a program of what is on a server or a Docker Engine, to be taken over as it is",
    options: [LOCAL, ...ENGINE, ...REACHING],
    load: async () => (await import("./commands/draft.ts")).draft,
  },
  {
    usage: "trust <host...>",
    about: "show the keys of hosts that ssh does not know yet, and make them known",
    options: [
      ["--fingerprint <sha256...>", "the key must have this fingerprint; nobody is asked"],
      ["--unseen", "take whatever key comes: whoever is in between is trusted too"],
      ["--config <path>", "an ssh_config file instead of your own"],
      ["--port <n>", "where sshd listens, if ssh_config does not say"],
    ],
    load: async () => (await import("./commands/trust.ts")).trust,
  },
]

export const afterwards: readonly Entry[] = [
  {
    usage: "output [address]",
    about: "print outputs: all, of ADDRESS, or ADDRESS.key alone",
    options: [["--reveal", "open secrets"]],
    load: async () => (await import("./commands/output.ts")).output,
  },
  { usage: "runs", about: "list the last runs", load: async () => (await import("./commands/runs.ts")).runs },
  {
    usage: "logs <run> [node]",
    about: "print what a run told; `last` is the last one",
    options: [["--follow", "go on until the run has ended, and exit as it does"]],
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    usage: "report <run>",
    about: "write what a run did as one HTML file; `last` is the last one",
    options: [["--out <file>", "the file (default fettle-RUN.html); - is standard output"]],
    load: async () => (await import("./commands/report.ts")).report,
  },
  {
    usage: "audit",
    about: "prove the record of who did what, and print it",
    options: [
      ["--since <when>", "from there on: a duration such as 7d, or a time as ISO 8601 has it"],
      ["--run <id>", "of this run alone"],
      ["--by <name>", "what this person did or approved"],
      ["--against <file>", "compare it with the copy of a sink"],
      ["--send", "give the sinks what they lack"],
      ["--anew", "set it aside and begin another, where it is not as it was"],
      YES,
    ],
    load: async () => (await import("./commands/audit.ts")).audit,
  },
  {
    usage: "stop",
    about: "end the run that is under way in order; what is left goes on with the next apply",
    load: async () => (await import("./commands/stop.ts")).stop,
  },
  {
    usage: "graph",
    about: "print what needs what",
    options: [["--format <format>", "mermaid or dot (default mermaid)"]],
    load: async () => (await import("./commands/graph.ts")).graph,
  },
]

export const troubles: readonly Entry[] = [
  {
    usage: "demo [name]",
    about: "show it here: an apply that is killed in the middle, and the next one (crash)",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
  {
    usage: "adopt <address...>",
    about: "take over what is already there",
    options: [YES, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).adopt,
  },
  {
    usage: "settle <address>",
    about: "say what became of a change that was cut off",
    options: [
      ["--made <id>", "it was made, under this id"],
      ["--not-made", "it was not made"],
    ],
    load: async () => (await import("./commands/settle.ts")).settle,
  },
  {
    usage: "explain [code]",
    about: "say what an error code means and what to do",
    load: async () => (await import("./commands/explain.ts")).explain,
  },
  {
    usage: "kinds [kind]",
    about: "list kinds, or the props of one",
    load: async () => (await import("./commands/kinds.ts")).kinds,
  },
  {
    usage: "doctor",
    about: "look whether everything Fettle needs is there",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
]

export const ansibleCommands: readonly Entry[] = [
  {
    usage: "export <kind...>",
    about: "write kinds of hosts as modules for playbooks: action_plugins/ and library/ beside a playbook",
    options: [["--into <folder>", "where the playbook is (default: here)"]],
    load: async () => (await import("./commands/ansible.ts")).exportKinds,
  },
  {
    usage: "call",
    about: "what such a module calls: one resource as JSON on standard input",
    load: async () => (await import("./commands/ansible.ts")).call,
  },
]

export const stateCommands: readonly Entry[] = [
  { usage: "list", about: "list what state remembers", load: async () => (await import("./commands/state.ts")).list },
  {
    usage: "show <address>",
    about: "print all that state remembers of one thing",
    load: async () => (await import("./commands/state.ts")).show,
  },
  {
    usage: "mv <from> <to>",
    about: "give a recorded thing another address",
    load: async () => (await import("./commands/state.ts")).mv,
  },
  {
    usage: "forget <address...>",
    about: "remove from state; the thing itself stays",
    load: async () => (await import("./commands/state.ts")).forget,
  },
  {
    usage: "migrate",
    about: "move state into another, empty store, and mark where it was",
    options: [
      ["--from <address>", "where it is (default: as every command finds it)"],
      ["--to <address>", "where it goes: postgres://…, s3://… or file:FOLDER"],
    ],
    load: async () => (await import("./commands/state-place.ts")).migrate,
  },
  {
    usage: "rotate-key",
    about: "seal state with another data key",
    options: [["--to <file>", "the file of the new key; made where there is none"]],
    load: async () => (await import("./commands/state-place.ts")).rotate,
  },
  {
    usage: "export",
    about: "write all of state to standard output; secrets stay sealed",
    options: [["--without-key", "of a state whose key is lost: unproven, and without what was sealed"]],
    load: async () => (await import("./commands/state.ts")).exportAll,
  },
  {
    usage: "import <file>",
    about: "read an export into an empty state",
    load: async () => (await import("./commands/state.ts")).importAll,
  },
]
