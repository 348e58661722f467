/** What a code means and the usual next step; the fact of one case is given where it is thrown. */
export interface Entry {
  readonly means: string
  readonly next: string
}

/** Every code of Fettle: a code is never reused and never changes its meaning. */
export const catalogue = {
  // the program
  NAME_INVALID: {
    means:
      "A name of a program, group, stage or node cannot stand in an address: it is empty, too long, or holds control characters or brackets.",
    next: "give it a short name of printable characters without [ and ]",
  },
  DUPLICATE_ADDRESS: {
    means: "Two declarations have the same group, kind and name, so state could not tell them apart.",
    next: "rename one of them, or put one into a group(…)",
  },
  DUPLICATE_ID: {
    means: "Two addresses describe the same thing on the same target; each would undo the other.",
    next: "keep one of the two declarations",
  },
  CYCLE: {
    means: "Declarations need each other in a circle, so none of them can be first.",
    next: "remove one of the edges: an `after`, or an output used as an input",
  },
  PROPS_INVALID: {
    means: "The props of a declaration do not fit the schema of its kind.",
    next: "correct what is named; `fettle kinds` lists the kinds, and with a name their props",
  },
  OUTPUT_AS_STRING: {
    means: "An output is known only once its resource is read or made; it was used as if it were a plain value.",
    next: "use text`…${output}…`, json(…) or output.map(value => …)",
  },
  SECRET_AS_STRING: {
    means: "A secret was turned into text. A secret stays sealed until the last call.",
    next: "pass the secret itself, or build on it with text`…${secret}…`, json(…) or secret.map(value => …)",
  },
  OUTSIDE_PROGRAM: {
    means: "Something was declared outside the build function of program(…).",
    next: "move the call into the function given to program(…)",
  },
  PROGRAM_NOT_FOUND: {
    means: "No program was found in the file.",
    next: 'let the file say `export default program("name", …)`; `fettle init` writes one',
  },
  PROGRAM_ASYNC: {
    means:
      "A function that only declares (of a program, group, on or each) returned a promise: what it declares later would be taken for gone.",
    next: "make the function synchronous; use lookup(…), a task or an output for values that come from outside",
  },
  PROGRAM_NESTED: {
    means: "A program was made inside the function of another one. What it declares would belong to nothing.",
    next: "make it a function that declares, and call that; or export it as a program of its own",
  },
  STAGE_UNKNOWN: {
    means: "The stage asked for is not one the program declares.",
    next: "use a declared stage, or add it to `stages`",
  },
  PARAM_INVALID: { means: "A parameter is unknown or its value does not fit.", next: "correct --param NAME=VALUE" },
  CONNECTION_MISSING: {
    means: "The kind needs a connection and none is given.",
    next: "pass { on: connection }, or declare it inside on(connection, () => …)",
  },
  CONNECTION_WRONG: {
    means: "The connection is of another type than the kind needs.",
    next: "pass a connection of the right type as { on: … }",
  },
  CONNECTION_DUPLICATE: {
    means: "Two connections of a program have the same name but different targets.",
    next: "give one of them another `name`",
  },
  AFTER_UNKNOWN: {
    means: "An edge names something that is not declared in this program.",
    next: "pass a node that the same build function declared",
  },
  RENAMED_CONFLICT: {
    means: "`renamedFrom` names an address that is still declared or that two nodes claim.",
    next: "remove the old declaration or the second renamedFrom",
  },
  KEY_DUPLICATE: {
    means: "Two items of an each(…) have the same key.",
    next: "choose a key that is unique in the list",
  },
  // loading
  SYNTAX: { means: "The program does not parse.", next: "correct the line" },
  TS_ENUM: {
    means: "Node runs TypeScript by removing its types; an enum is code that would have to be generated.",
    next: "use a const object with `as const`, or a union of strings",
  },
  TS_NAMESPACE: {
    means:
      "Node runs TypeScript by removing its types; a namespace with values is code that would have to be generated.",
    next: "use a module",
  },
  TS_PARAMETER_PROPERTY: {
    means: "Node runs TypeScript by removing its types; a parameter property is code that would have to be generated.",
    next: "declare the field and assign it in the constructor",
  },
  TS_DECORATOR: {
    means: "Node does not run decorators in TypeScript that it only strips of types.",
    next: "wrap the function with guarded(fn, [policies]), or compile the file first",
  },
  TS_IMPORT_ALIAS: { means: "`import x = …` is code that would have to be generated.", next: "use an ordinary import" },
  IMPORT_ENDING: {
    means: "A relative import has no file ending; Node does not guess it.",
    next: "write the ending, as in ./file.ts",
  },
  IMPORT_TYPE: {
    means: "A type is imported as if it were a value; after types are removed nothing of that name is left.",
    next: "write `import type { … }`, or `import { type … }`",
  },
  IMPORT_MISSING: {
    means: "An import of the program was not found.",
    next: "install the package, or correct the path",
  },
  IMPORT_COMMONJS: {
    means: "The program uses CommonJS (require, module.exports) where ES modules are needed.",
    next: 'use import and export, and "type": "module" in package.json or the ending .mts',
  },
  IMPORT_REFUSED: {
    means: "Node found what the program imports and refuses to load it.",
    next: "read the cause, which is given in Node's words",
  },
  PROGRAM_THREW: {
    means: "The program's own code threw while it was loaded or built.",
    next: "correct the program at the named place",
  },
  STRAY_ERROR: {
    means: "Code of the program, or of a package it uses, threw while nobody waited for it; the run was ended.",
    next: "correct the named place, then apply again: what was under way is settled first",
  },
  PROCESS_ENDED: {
    means:
      "The program or a provider ended the process in the middle of the run, or nothing was left that could go on.",
    next: "let it throw instead; apply again: what was under way is settled first",
  },
  TYPES_WRONG: { means: "The type checker found errors in the program.", next: "correct the lines it names" },
  TYPESCRIPT_MISSING: {
    means: "`--types` needs the project's own typescript package.",
    next: "npm install --save-dev typescript",
  },
  NODE_TOO_OLD: { means: "Fettle needs Node 22.18 or newer.", next: "install a newer Node" },
  USAGE: { means: "The command line is not one that Fettle knows.", next: "fettle --help" },
  KIND_UNKNOWN: {
    means: "Nothing knows this kind.",
    next: "import the module that provides it, or name it in program(…, { providers: […] })",
  },
  CODE_UNKNOWN: { means: "There is no such error code.", next: "fettle explain lists all codes" },
  PEER_MISSING: {
    means: "An optional package is needed for this and is not installed.",
    next: "install the named package",
  },
  // plan
  READ_FAILED: {
    means: "The world could not be read, so nothing may be concluded about it.",
    next: "mend the cause and plan again; what depends on it is left alone meanwhile",
  },
  READ_SILENT: {
    means: "A provider gave no answer for a key. Silence is not absence.",
    next: "report it to the author of the kind; fettle/testing shows it with conforms(…)",
  },
  FOREIGN: {
    means: "Something is already there that Fettle did not make.",
    next: "fettle adopt ADDRESS takes it over as it is; or set adopt: true; or choose another id",
  },
  TARGET_CHANGED: {
    means: "The target at this address is not the one state remembers: another machine, account or engine.",
    next: "check the target; if it is meant: --expect-target NAME of the connection",
  },
  STRANDED: {
    means: "State holds things whose connection or provider has left the program.",
    next: "declare the connection again with retire(connection) to delete what is there, or run fettle state forget ADDRESS",
  },
  MASS_ABSENCE: {
    means: "Many recorded things are absent at once, which looks more like a wrong target than like loss.",
    next: "check the target; if it is true: --expect-absent N",
  },
  MASS_DELETION: {
    means: "The plan deletes many things.",
    next: "look at what is named; if it is meant: --expect-deletes N",
  },
  PROTECTED: {
    means: "A protected thing would be deleted or replaced.",
    next: "remove `protect` in the program (or give leave in its props, as with deleteData: true), apply, then make the change; or keep it with retain: true",
  },
  STILL_NEEDED: {
    means: "A thing would be deleted while another one, which stays, needs it.",
    next: "see why the other one stays, and mend that; then both go",
  },
  PLAN_STALE: {
    means: "The saved plan was made from a world, a state or a program that has moved since.",
    next: "make a new plan and look at it again",
  },
  SANDBOX_MISSING: {
    means: "What keeps an untrusted program in is not there.",
    next: "apt-get install bubblewrap; or --wall node, which does not cut the network off",
  },
  UNTRUSTED_FAILED: {
    means: "An untrusted program gave no plan.",
    next: "see what it says; what it needs beyond the project, a network or an environment, it does not get",
  },
  PLAN_SEAL: {
    means: "The plan file was altered, or was made with the data key of another state.",
    next: "make a new plan here, with the same FETTLE_STATE_KEY as the one that carries it out",
  },
  PLAN_EXPIRED: {
    means: "The saved plan is older than it may be, or a clock was set back.",
    next: "make a new plan and look at it again; --expires says how long it may wait",
  },
  APPROVAL_MISSING: {
    means: "This stage wants a plan that others have said yes to.",
    next: "fettle plan --out plan.json, have it approved with fettle approve plan.json, then fettle apply plan.json",
  },
  PLAN_FORMAT: { means: "The plan file is damaged or was written by another version.", next: "make a new plan" },
  LOOKUP_ABSENT: { means: "A lookup found nothing.", next: "check its props; a lookup only reads, it never makes" },
  CONSENT_MISSING: {
    means: "A change needs consent, and there is no terminal to ask on.",
    next: "read the plan, then add --yes",
  },
  TARGET_UNKNOWN: {
    means: "--target, --replace or another option names an address that is not in the program or state.",
    next: "fettle state list and fettle graph print the addresses",
  },
  OPEN_INTENT: {
    means: "An earlier run was cut off inside a call that cannot be settled by looking.",
    next: "look at the far side, then: fettle settle ADDRESS --made ID, or fettle settle ADDRESS --not-made",
  },
  CONNECTION_FAILED: {
    means: "The target could not be reached or did not speak as expected.",
    next: "check that it is up and that you may reach it",
  },
  SSH_MISSING: {
    means: "Other machines are reached with OpenSSH, and it is not installed on this one.",
    next: "install the OpenSSH client",
  },
  ROLL_STOPPED: {
    means: "More hosts of a fleet failed than its maxUnavailable allows, so those that had not begun were left alone.",
    next: "mend what failed and apply again: it goes on with the others",
  },
  INVENTORY_INVALID: {
    means: "An inventory could not be read, or what stands in it is not one.",
    next: "mend the named line",
  },
  INVENTORY_OPTION: {
    means:
      "An inventory says of a host what Fettle does not take from one: words for a command line, a template, or another way than ssh.",
    next: "say in ssh_config how the host is reached",
  },
  LIMIT_UNKNOWN: {
    means: "A pattern that chooses hosts names something that is not there, or leaves no host at all.",
    next: "correct the name; a pattern is made of names, groups, tags and globs, with ! to take away and & to keep only",
  },
  HOST_KEY_UNKNOWN: {
    means: "Nothing here knows the host's key, so nobody can tell whether it is the right host.",
    next: "fettle trust HOST shows its key and asks",
  },
  HOST_KEY_CHANGED: {
    means: "The host shows another key than the one that is known: it was installed anew, or somebody is in between.",
    next: "compare the key with what the host's console shows; only if it is the same, remove the old one with ssh-keygen -R and run fettle trust HOST",
  },
  HOST_KEY_REVOKED: {
    means: "The host shows a key that is marked as revoked.",
    next: "ask who runs the host; it needs a new key",
  },
  LOGIN_REFUSED: {
    means: "The host lets nobody in with the keys that ssh offered.",
    next: "ssh -v HOST shows which keys are tried",
  },
  BECOME_REFUSED: {
    means: "The user that logged in may not become another one by sudo or doas.",
    next: "let sudoers or doas.conf there allow it",
  },
  BECOME_PASSWORD_MISSING: {
    means: "sudo or doas asks for a password and none is given.",
    next: 'give one: become: { by: "sudo", password: secret.prompt("sudo") }',
  },
  BECOME_PASSWORD_WRONG: {
    means: "sudo does not take the password. It is tried once, because more tries may lock the account.",
    next: "correct the secret",
  },
  // apply
  STALE: { means: "The thing changed between the plan and its turn.", next: "plan again" },
  CHANGE_FAILED: {
    means: "A change did not go through.",
    next: "mend the cause and apply again; what was done is recorded",
  },
  OUTPUT_WRONG: {
    means:
      "A provider read or returned outputs that do not fit its own schema or what it predicted, or planned a change that is none. What it made or changed is there.",
    next: "report it to the author of the kind",
  },
  TIMEOUT: {
    means: "A call took longer than it may.",
    next: "see why it hangs; raise timeout on the node if it is merely slow",
  },
  CANCELLED: { means: "The run was cancelled.", next: "apply again; what was done is recorded" },
  TASK_FAILED: { means: "A task's command ended with an error.", next: "fettle logs RUN NODE shows all it wrote" },
  TASK_CUT_OFF: {
    means: "A task that may run only once was cut off in the middle.",
    next: "look at what it did, then: fettle settle ADDRESS --made done, or --not-made to run it again",
  },
  COMMAND_FAILED: { means: "A command ended with an error.", next: "read the tail of its output" },
  CPU_FAILED: {
    means: "A function given to cpu(…) could not be run on a worker thread.",
    next: "let the module export the function; pass and return plain data",
  },
  CHECK_NO: { means: "A check said no.", next: "read its evidence; what depends on it was not changed" },
  CHECK_INCONCLUSIVE: { means: "A check could not be answered.", next: "read its evidence; it is neither yes nor no" },
  RELEASE_ROLLED_BACK: {
    means: "A release did not prove good; all traffic is with the version before it.",
    next: "read the sentence; mend it and release it under another version",
  },
  RELEASE_UNDECIDED: {
    means: "A release could not be decided; it waits as it is.",
    next: "fettle release promote RELEASE, or fettle rollback RELEASE; or apply again to go on judging",
  },
  RELEASE_REFUSED: {
    means: "The declared version has been rolled back before.",
    next: "declare another version; or let it be tried again: fettle release retry RELEASE",
  },
  RELEASE_NOT_KEPT: {
    means: "A version is to come back that the release no longer keeps.",
    next: "release it again; `keep` says how many versions go on running",
  },
  RELEASE_TRAFFIC: {
    means: "The traffic of a release could not be sent where it should go.",
    next: "see what the connection says; then apply again: the release goes on where it was",
  },
  POLICY_TIMEOUT: {
    means: "A call took longer than its timeout policy allows.",
    next: "see why it is slow, or allow more",
  },
  POLICY_NOT_ALLOWED: {
    means: "An `allowed` policy refuses this person or stage.",
    next: "ask somebody it names, or change the policy in the program",
  },
  POLICY_DENIED: {
    means: "A policy of the program denies what the plan would do.",
    next: "change what it is about, or the policy: fettle plan shows all that was found",
  },
  POLICY_RETRIES_SPENT: {
    means: "Every attempt that the retry policy allows has failed.",
    next: "mend the cause; the last error is given",
  },
  // state
  STATE_LOCKED: {
    means: "Another run holds the lock of this stage.",
    next: "wait for it to end; the lock frees itself when its process ends, however it ends",
  },
  STATE_CORRUPT: {
    means: "The state file is damaged. It is left as it is.",
    next: "move it away, then restore a copy of .fettle, or fettle state import an export",
  },
  STATE_NEWER: { means: "The state was written by a newer Fettle.", next: "update fettle" },
  UPGRADE_MISSING: {
    means: "The state of a thing was written by an older version of its kind, which the kind cannot read any more.",
    next: "apply with the older version of the kind first; or let the kind have an upgrade for it",
  },
  STATE_WRITE: {
    means: 'State could not be written. The run ended at once; changes that were under way are "maybe".',
    next: "make room or mend the disk, then apply again: open intents are settled first",
  },
  STATE_KEY_MISSING: {
    means: "State holds sealed values and the data key that opens them is not here.",
    next: "set FETTLE_STATE_KEY, or restore the key file in your configuration folder",
  },
  STATE_KEY_WRONG: {
    means: "The data key is not the one this state was sealed with.",
    next: "set FETTLE_STATE_KEY to the right key",
  },
  STATE_UNREACHABLE: {
    means: "The store that a team shares does not answer, or lets nobody in. What is not in its journal was not begun.",
    next: "mend the way to it, then apply again: open intents are settled first",
  },
  STATE_LOCK_LOST: {
    means:
      "This run was cut off from the shared store for so long that another one took the lock, or may have. It has written nothing since, and ends.",
    next: "wait for the other run to end, then apply again",
  },
  STATE_ALTERED: {
    means: "What a shared store holds is not what Fettle wrote there: somebody or something changed it.",
    next: "look who may write there; restore the store from a copy, and compare it with fettle plan",
  },
  STATE_ROLLED_BACK: {
    means: "A shared store holds an older state than this machine has seen there, or another one, or none.",
    next: "find out who put it back; where that is meant, remove the file that is named",
  },
  AUDIT_ALTERED: {
    means: "The record of who did what is not as Fettle wrote it: somebody or something changed it.",
    next: "look who may write there; fettle audit --against FILE compares it with the copy of a sink; fettle audit --anew keeps what is there as a file and begins a new one",
  },
  AUDIT_ROLLED_BACK: {
    means:
      "The record of who did what ends before an entry that this machine has seen there, or is another one, or gone.",
    next: "find out who put it back; where that is meant, remove the file that is named",
  },
  AUDIT_SINK: {
    means: "A sink of the record that the program requires did not take what it lacks. Nothing was changed.",
    next: "mend the sink, then apply again: it gets what it lacks first",
  },
  STATE_MOVED: {
    means: "State lives in another store by now; here it is only kept as it was when it was moved.",
    next: "give the other store with --store, FETTLE_STORE or `store` of the program",
  },
  STORE_INVALID: {
    means: "The text does not say where a store is.",
    next: "postgres://user@host/database, s3://bucket/prefix?region=NAME, or file:FOLDER",
  },
  STATE_NOT_FOUND: { means: "State has no such row or output.", next: "fettle state list" },
  STATE_TAKEN: {
    means: "State already has something at that address.",
    next: "choose another address, or fettle state forget the one that is there",
  },
  STATE_IMPORT: {
    means: "The file is not an export of Fettle's state, or the state is not empty.",
    next: "fettle state export writes one; import into an empty state",
  },
  RUN_NOT_FOUND: { means: "There is no such run.", next: "fettle runs" },
  // secrets
  SECRET_MISSING: { means: "A secret is not where the program says.", next: "provide it" },
  SECRET_WEAK: {
    means: "A secret is shorter than 8 characters: it could not be kept out of logs without cutting ordinary words.",
    next: "use a longer value, or say weak: true",
  },
  SECRET_DERIVE: {
    means:
      "A function of the program that makes something of a secret failed. Its own words are not told: they may hold the secret.",
    next: "mend the function given to map, text or json; catch its errors there to say more",
  },
  SECRET_EXPOSED: { means: "A file that holds a secret can be read by others.", next: "chmod 600 the file" },
  SECRET_NOT_NAMED: {
    means: "A node tried to open a secret that it does not name.",
    next: "pass the secret to the node as a prop",
  },
  SECRET_UNSEALED: {
    means: "A provider returned something that holds the text of a secret in the open.",
    next: "report it to the author of the kind: it must return call.secret(…)",
  },
  // kinds
  HOST_PROTOCOL: {
    means: "The host's answer does not follow the protocol.",
    next: "fettle doctor; the host may have run out of memory or disk",
  },
  CLIENT_MISSING: {
    means: "A package that speaks to this kind of far side is not installed. Only who uses it needs it.",
    next: "npm install the named package beside fettle",
  },
  DIAL_FAILED: {
    means: "A host was asked to connect to an address, and could not.",
    next: "see that something listens there, and that the host may reach it",
  },
  HOST_TOOLS: { means: "The host lacks a tool that is needed.", next: "install the named tool" },
  HOST_NOT_ROOT: {
    means: "Only root can do this on the host, and the connection acts as somebody else.",
    next: 'let the connection become root: host.ssh("web", { become: "sudo" })',
  },
  ANSIBLE_MISSING: {
    means: "Modules and playbooks of Ansible run from the operator's own ansible-core, and this machine has none.",
    next: 'python3 -m venv .ansible && .ansible/bin/pip install ansible-core, then core: ".ansible"',
  },
  ANSIBLE_MODULE: {
    means: "There is no such module of Ansible, or it has a part that only a playbook can run.",
    next: "correct its name, or ansible-galaxy collection install what it is in",
  },
  ANSIBLE_ARGS: {
    means: "A module of Ansible does not take these arguments.",
    next: "ansible-doc -t module NAME lists them",
  },
  ANSIBLE_PYTHON_MISSING: {
    means: "Modules of Ansible run in the host's own Python, and it has none that is new enough.",
    next: "apt-get install python3 on the host, or name another with python:; kinds of fettle/host need no Python",
  },
  ANSIBLE_FAILED: {
    means: "A module of Ansible ran and said that it failed.",
    next: "its own words say why; mend that and apply again",
  },
  PLAYBOOK_FAILED: {
    means: "A task of a playbook failed, or a host of it could not be reached.",
    next: "mend what the task says, then apply again",
  },
  PACKAGE_UNKNOWN: {
    means: "The host's repositories have no such package or version, also after its lists were refreshed.",
    next: "correct the name or the version, or declare the repository that has it",
  },
  PACKAGES_LOCKED: {
    means: "Somebody else works with the packages of the host, and did so for longer than `lockWaitMs`.",
    next: "let it end, then apply again",
  },
  PACKAGE_NEEDED: {
    means: "To remove the package would remove others that need it. Nothing was removed.",
    next: "remove those first, or keep it with `retain: true`",
  },
  SYSTEMD_MISSING: {
    means:
      "A process is to be run by systemd, and there is none on the host that could: it is not installed, it is not running, or that of the user ends with their session.",
    next: 'boot the host with systemd, or leave out supervisor: "systemd"',
  },
  SERVICES_MISSING: {
    means: "The host has nothing that runs services, or nothing that Fettle knows: systemd or OpenRC.",
    next: "boot the host with one of them, or keep a process running with host.process",
  },
  SERVICE_UNKNOWN: {
    means: "The host has no service of this name.",
    next: "correct the name, or let it come after the package or the unit file that brings it: { after: [nginx] }",
  },
  SERVICE_MASKED: {
    means: "The service is masked: somebody does not want it to be started by anybody.",
    next: "let it be unmasked with masked: false",
  },
  SERVICE_DIED: {
    means: "The service could not be started, or did not stay up.",
    next: 'read its log, whose tail is given; a unit that ends by itself needs running: "any"',
  },
  FILE_REFUSED: {
    means: "A file, directory or link could not be changed.",
    next: "mend the cause, which is given in the system's words",
  },
  PROCESS_DIED: { means: "The process ended soon after it was started.", next: "read its log, whose tail is given" },
  MIGRATION_EDITED: {
    means: "A migration that has already run was edited or is gone.",
    next: "restore it, and write the change as a new migration",
  },
  MIGRATION_ORDER: {
    means: "A migration has no number of its own, or a new one stands before one that has already run.",
    next: "give it a number above all that have run",
  },
  MIGRATION_FILE: {
    means: "Something in the folder of the migrations looks like one and cannot be run as it is written.",
    next: "mend, rename or remove the file",
  },
  MIGRATION_FAILED: {
    means: "A migration failed and was rolled back, or its database could not be opened.",
    next: "mend the migration",
  },
  HTTP_FAILED: { means: "An HTTP call failed.", next: "see the status and the body" },
  HTTP_LIST: {
    means: "A list could not be read whole, so absence cannot be concluded.",
    next: "check the paging settings of the resource",
  },
  DOCKER_IGNORE_INVALID: {
    means: "A pattern of a .dockerignore file is malformed, so it is not known what would be sent.",
    next: "correct the line; a [ needs its ], a \\ something to escape, a ! a pattern behind it",
  },
  DOCKERFILE_MISSING: {
    means: "There is no Dockerfile where the build expects it.",
    next: "write it, or say where it is with `dockerfile`, seen from the context",
  },
  DOCKERFILE_INVALID: {
    means: "The Engine cannot read the Dockerfile: an instruction that is none, or one with wrong arguments.",
    next: "correct the line that is named",
  },
  BUILD_SOURCE_MISSING: {
    means: "A COPY or ADD names something that is not in the build context, or that .dockerignore leaves out of it.",
    next: "correct the path, which is seen from the context, or take it back in with a ! line in .dockerignore",
  },
  BASE_IMAGE_UNAVAILABLE: {
    means: "An image that the build begins with, or copies from, is not there and cannot be pulled.",
    next: "check its name and tag, and that the Engine reaches its registry and may read there (docker login)",
  },
  BUILD_STEP_FAILED: {
    means: "A RUN instruction ended with an error.",
    next: "read the tail of its output; what was done before it is kept and is not done again",
  },
  BUILD_CUT_OFF: {
    means: "The Engine went away in the middle of a build. No image was made.",
    next: "see that the Engine runs, and build again; finished steps are kept",
  },
  BUILD_NO_SPACE: {
    means: "The disk of the Engine is full. No image was made.",
    next: "make room there (docker system df shows what takes it), then build again",
  },
  BUILD_FAILED: {
    means: "A build ended with an error of the Engine.",
    next: "read the Engine's own words and the tail of the output",
  },
  BUILD_CONTEXT_UNREADABLE: {
    means:
      "Something in the build context cannot be read, or changed while it was being read. Nothing half read is built.",
    next: "make it readable, or name it in .dockerignore; then build again",
  },
  DOCKER_FAILED: {
    means: "The Docker Engine refused a call, failed in it, or did not answer it.",
    next: "read the Engine's own words; its log says more (journalctl -u docker)",
  },
  DOCKER_PROTOCOL: {
    means: "What answered does not speak as a Docker Engine does.",
    next: "see what listens at the address: a proxy, another service, or an Engine that is about to end",
  },
  DOCKER_UNSUPPORTED: {
    means: "The Engine is too old or too new, or it is not Docker's.",
    next: "use Docker Engine 20.10 or newer",
  },
  DOCKER_CONFIG: {
    means: "A file of the docker command (config.json, a context) cannot be read, or is not what docker writes.",
    next: "mend the file, or give docker.engine a host",
  },
  DOCKER_CREDENTIALS: {
    means: "The credentials of a registry could not be found out.",
    next: "docker login REGISTRY, or give docker.engine its registries",
  },
  HAPROXY_REFUSED: {
    means: "HAProxy refused a command of its runtime API.",
    next: "read HAProxy's own words, which are in the error",
  },
  HAPROXY_LEVEL: {
    means: "The socket of HAProxy's runtime API does not have the level admin, so nothing can be changed through it.",
    next: "say it in haproxy.cfg: stats socket PATH mode 660 level admin; then reload HAProxy",
  },
  HAPROXY_NO_BACKEND: {
    means: "HAProxy has no backend of that name: backends stand in its config file alone.",
    next: "write the backend into haproxy.cfg and reload, or correct the name",
  },
  HAPROXY_STATIC: {
    means: "The backend balances in a way that is fixed when HAProxy starts, so no server can be added to it.",
    next: "give it a dynamic one, as in: balance roundrobin, leastconn or random; a hash with hash-type consistent",
  },
  HAPROXY_FULL: {
    means: "HAProxy has no room for another server.",
    next: "delete servers that nobody needs, or give HAProxy more memory",
  },
  HAPROXY_PROTOCOL: {
    means: "What answered is not the runtime API of HAProxy, or it said more than can be kept.",
    next: "see what listens at the address: it must be a `stats socket` of HAProxy 2.6 or newer",
  },
  HAPROXY_SERVER_DOWN: {
    means: "A server was added to HAProxy and its checks did not pass in time, so it was taken away again.",
    next: "see what the check says and whether the service answers there; withinMs says how long it may take",
  },
  COMPOSE_INVALID: {
    means: "A compose file could not be read, or says something that Fettle does not support.",
    next: "mend what stands at the named path, or declare that service as a resource",
  },
  CONTAINER_NOT_READY: {
    means: "A container was started and did not become what it is to be: it ended, or was not healthy in time.",
    next: "see the end of its log, or its health check; withinMs says how long it may take",
  },
  IMAGE_NOT_PULLED: {
    means: "An image is not on the Engine and could not be got.",
    next: "check its name, and that the Engine reaches its registry with the right credentials",
  },
  IMAGE_NOT_PUSHED: {
    means: "A registry did not take an image.",
    next: "check that its name begins with the registry, and that the credentials may push there",
  },
  PROVIDER_THREW: {
    means: "A provider threw something that is not a Fettle error.",
    next: "report it to the author of the kind; the cause is given",
  },
  CONTRACT_BROKEN: {
    means: "`conforms` from fettle/testing found rules of the provider contract that a kind does not keep.",
    next: "mend the kind; each rule says what it saw",
  },
  INTERNAL: { means: "Fettle itself is wrong.", next: "report it with the cause" },
} as const satisfies Record<string, Entry>
