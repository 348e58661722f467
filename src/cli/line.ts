import { CommanderError, Help, Command as Line, Option } from "commander"
import type { Call, Options } from "./call.ts"
import {
  afterwards,
  ansibleCommands,
  type Entry,
  everyDay,
  hostCommands,
  releaseCommands,
  stateCommands,
  troubles,
} from "./entries.ts"
import { leave, watchOutput } from "./leave.ts"
import { surroundings } from "./surroundings.ts"

/** Runs one command line and gives its exit code. */
export async function runLine(args: readonly string[]): Promise<number> {
  const around = surroundings()
  watchOutput()
  tellOfCrashes(around, args)
  let shown: Options = { color: !args.includes("--no-color"), json: args.includes("--json") }
  let code = 0
  const line = lineOf(async (entry, command, given, options) => {
    shown = options
    code = await (await entry.load())({ command, args: given, options, around })
  })
  try {
    if (args.length === 0) line.outputHelp()
    else await line.parseAsync(asHelp(args), { from: "user" })
    return code
  } catch (thrown) {
    return failed(thrown, { around, options: shown })
  }
}

/** `fettle help plan` is `fettle plan --help`. */
function asHelp(args: readonly string[]): readonly string[] {
  return args[0] === "help" ? [...args.slice(1), "--help"] : args
}

/** Help and a wrong line both end commander by a throw. */
async function failed(thrown: unknown, call: Pick<Call, "around" | "options">): Promise<number> {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
  const { printError } = await import("./print.ts")
  if (!(thrown instanceof CommanderError)) return printError(thrown, call)
  const { FettleError } = await import("../errors.ts")
  return printError(new FettleError("USAGE", thrown.message.replace(/^error: /, "").replace(/\n/g, " ")), call)
}

/** How long a run may take to end itself, in milliseconds: children get 5 s from SIGTERM to SIGKILL, and then it tells its end. */
const ENDS_WITHIN_MS = 8_000

/** What nobody caught ends the run that is under way, which tells its end; where there is none, or it hangs, the process. */
function tellOfCrashes(around: Call["around"], args: readonly string[]): void {
  const crash = async (thrown: unknown): Promise<void> => {
    const [{ crashError }, { endRun }] = await Promise.all([import("./load-error.ts"), import("./crash.ts")])
    const error = crashError(thrown)
    if (endRun(error)) setTimeout(() => void tell(error), ENDS_WITHIN_MS)
    else await tell(error)
  }
  const tell = async (error: unknown): Promise<void> => {
    const { printError } = await import("./print.ts")
    const options = { color: !args.includes("--no-color"), json: args.includes("--json") }
    leave(printError(error, { around, options }))
  }
  process.on("uncaughtException", crash)
  process.on("unhandledRejection", crash)
}

type Act = (entry: Entry, command: string, args: readonly string[], options: Options) => Promise<void>

function lineOf(act: Act): Line {
  const line = new Line("fettle")
    .description("Says what should be true of your systems, shows what is not, makes it so, and proves it.")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({
      showGlobalOptions: true,
      formatHelp,
      subcommandTerm: (command) => [command.name(), ...argumentsOf(command)].join(" "),
    })
    .helpCommand(false)
  addShared(line)
  addAll(line.commandsGroup("Every day:"), "", everyDay, act)
  const release = line.command("release").description("decide what a release waits for").helpCommand(false)
  release.action(() => release.outputHelp())
  addAll(release, "release ", releaseCommands, act)
  addAll(line.commandsGroup("Servers:"), "", hostCommands, act)
  const ansible = line.command("ansible").description("let playbooks call kinds of Fettle").helpCommand(false)
  ansible.action(() => ansible.outputHelp())
  addAll(ansible, "ansible ", ansibleCommands, act)
  addAll(line.commandsGroup("Afterwards:"), "", afterwards, act)
  line.commandsGroup("When something is wrong:")
  addAll(line, "", troubles, act)
  line
    .command("completion <shell>")
    .description("print what lets bash, zsh or fish complete commands and options")
    .action((shell: string) => printCompletion(shell, line))
  const state = line.command("state").description("look at and mend what Fettle remembers").helpCommand(false)
  state.action(() => state.outputHelp())
  addAll(state, "state ", stateCommands, act)
  line.addHelpText(
    "after",
    `\nExit codes: 0 done, or nothing to do; 1 error; 2 changes pending (plan --check) or hosts differ (diff); 3 a check said no;\n4 a check could not be answered; 130 cancelled.\nfettle --version prints the version.`,
  )
  return line
}

/** @throws FettleError `USAGE` */
async function printCompletion(shell: string, line: Line): Promise<void> {
  const { completionScript, SHELLS } = await import("./completion.ts")
  const known = SHELLS.find((each) => each === shell)
  if (known !== undefined) process.stdout.write(completionScript(known, line))
  else {
    const { FettleError } = await import("../errors.ts")
    throw new FettleError("USAGE", `completion knows ${SHELLS.join(", ")}, not ${JSON.stringify(shell)}`)
  }
}

function argumentsOf(command: Line): readonly string[] {
  return command.registeredArguments.map((each) => {
    const name = each.name() + (each.variadic ? "..." : "")
    return each.required ? `<${name}>` : `[${name}]`
  })
}

/** Commander's help with the commands first: they are what is looked for. */
function formatHelp(command: Line, help: Help): string {
  const sections = Help.prototype.formatHelp.call(help, command, help).trimEnd().split("\n\n")
  const isRoot = command.parent === null
  const [shared, own] = [
    isRoot ? SHARED : GLOBAL,
    sections.filter((each) => !each.startsWith(SHARED) && !each.startsWith(GLOBAL)),
  ]
  const last = sections.filter((each) => each.startsWith(shared)).map((each) => each.replace(GLOBAL, SHARED))
  return `${[...own, ...last].join("\n\n")}\n`
}

/** Commander's name for what a command takes from the one above it. */
const GLOBAL = "Global Options:"
const SHARED = "Options of every command:"

function addAll(line: Line, before: string, entries: readonly Entry[], act: Act): void {
  for (const entry of entries) {
    const command = line.command(entry.usage).description(entry.about)
    for (const [flags, about] of entry.options ?? []) command.addOption(optionOf(flags, about))
    command.action(async (...all: unknown[]) => {
      const given = all.slice(0, -2).flat() as (string | undefined)[]
      await act(
        entry,
        before + command.name(),
        given.filter((each) => each !== undefined),
        command.optsWithGlobals(),
      )
    })
  }
}

/** An option that ends in `...` may be given many times. One word each: what follows may be an argument of the command. */
function optionOf(flags: string, about: string): Option {
  if (!flags.endsWith("...>")) return new Option(flags, about)
  const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
    ...(before ?? []),
    value,
  ]
  return new Option(flags.replace("...>", ">"), `${about}; may be given again`).argParser(collect)
}

/** Options that every command takes, before or after its name. */
function addShared(line: Line): void {
  line.optionsGroup(SHARED)
  line
    .helpOption("-h, --help", "print help")
    .option("-f, --file <path>", "the program, or its folder (default fettle.ts)")
    .option("--stage <name>", "the stage (default dev)")
    .addOption(optionOf("--param <name=value...>", "a parameter of the program"))
    .option("--state <folder>", "where state lies (default .fettle beside the program)")
    .option("--store <address>", "the store that a team shares: postgres://… or s3://… (default FETTLE_STORE)")
    .option("--json", "print events as JSON lines")
    .option("--quiet", "print only what is wrong")
    .option("--verbose", "print more")
    .option("--no-color", "no colours")
}
